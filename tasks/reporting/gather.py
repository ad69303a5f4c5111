"""Facts of the report, read from tables, JSON files and provenance; what is absent is left out."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from tasks.formats.corpus_part import RowsInColumns
from tasks.fresh_videos import FreshVideos
from tasks.reporting.labels import JOINT_ORDER, counted, label
from tasks.scoring.stage_metrics import COUNTS
from tasks.tables import TABLES
from tasks.workspace import Workspace

Row = dict[str, Any]

_COUNTED = ("detections", "poses", "recovered_poses", "tracks", "merged_tracks")
"""Tables of a video that its row counts."""
_HEADLINE = {
    "mAP": "ap",
    "MOTA": "mota",
    "identity switches": "switches",
    "misses": "misses",
    "false positives": "false_positives",
    "HOTA": "hota",
}


def read_frame(workspace: Workspace, name: str, video_id: str | None = None) -> pd.DataFrame:
    """Rows of a table as pandas; none where its file is absent."""
    path = TABLES[name].path(workspace.tables, video_id)
    if not path.exists():
        return pd.DataFrame({field: [] for field in TABLES[name].schema.names})
    return pd.DataFrame(pq.read_table(path, partitioning=None).to_pandas())


def read_frames_of(workspace: Workspace, video_id: str) -> Sequence[Row]:
    """Index, path and seconds of the frames of one video, in order; only their part of the file is read."""
    path = TABLES["frames"].path(workspace.tables)
    columns = ["frame_index", "path", "seconds"]
    rows = pq.read_table(path, columns=columns, partitioning=None, filters=[("video_id", "=", video_id)])
    return RowsInColumns(rows.sort_by("frame_index").to_pydict())


def records(rows: pd.DataFrame) -> list[Row]:
    """Rows as dicts by column name."""
    return [{str(name): _absent_as_none(value) for name, value in row.items()} for row in rows.to_dict("records")]


def _absent_as_none(value: Any) -> Any:
    """Null cells as None: pandas gives them as NaN, also where the column holds text."""
    return None if isinstance(value, float) and math.isnan(value) else value


def read_json_files(folder: Path, pattern: str) -> dict[str, Any]:
    """Content of each JSON file of `folder` that fits `pattern`, by stem, in order of names."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob(pattern))}


def provenances(workspace: Workspace, stages: Iterable[str]) -> list[Row]:
    """Provenance of each stage that has run, in the order of `stages`."""
    known = read_json_files(workspace.provenance, "*.json")
    return [known[stage] | {"stage": stage} for stage in stages if stage in known]


def corpus_facts(workspace: Workspace) -> Row:
    """One sentence on the input, whether it is the synthetic demo corpus, and whether tracks can be scored."""
    videos, persons, images = (read_frame(workspace, name) for name in ("videos", "persons", "images"))
    frames = int(videos["frame_count"].sum()) if len(videos) else 0
    parts = [
        f"{counted(len(videos), 'video')} with {counted(frames, 'frame')}",
        counted(len(images), "picture"),
        counted(len(persons), "annotated person"),
    ]
    annotated = bool(len(videos)) and bool((videos["labelled_frame_count"] > 0).any())
    return {
        "sentence": f"{'; '.join(parts)}.",
        "is_annotated": annotated,
        "is_demo": (workspace.data / "demo_corpus.json").exists(),
    }


def headline(scores: pd.DataFrame) -> list[Row]:
    """Totals of the tracks and of the merged tracks, one row each."""
    total = scores[(scores["scope"] == "total") & (scores["joint"] == "total")]
    return [
        {"tracks": tracks} | _named(total[total["tracks"] == tracks], _HEADLINE)
        for tracks in ("tracking", "merged")
        if (total["tracks"] == tracks).any()
    ]


def by_scope(scores: pd.DataFrame, scope: str, heading: str, *, tracks: str = "tracking") -> list[Row]:
    """One row per video or tag: its totals."""
    chosen = scores[(scores["scope"] == scope) & (scores["joint"] == "total") & (scores["tracks"] == tracks)]
    return [{heading: name} | _named(rows, _HEADLINE) for name, rows in chosen.groupby("name", sort=True)]


def by_joint(scores: pd.DataFrame, *, tracks: str = "tracking") -> list[Row]:
    """One row per joint, from head to foot, then the total: the value of each metric."""
    total = scores[(scores["scope"] == "total") & (scores["tracks"] == tracks)]
    return [
        {"joint": label(joint)} | _named(total[total["joint"] == joint], _HEADLINE)
        for joint in JOINT_ORDER
        if (total["joint"] == joint).any()
    ]


def _named(rows: pd.DataFrame, names: dict[str, str]) -> Row:
    values = dict(zip(rows["metric"], rows["value"], strict=True))
    return {label: _number(metric, values[metric]) for label, metric in names.items() if metric in values}


def _number(metric: str, value: Any) -> float | int | None:
    if value is None or pd.isna(value):
        return None
    return int(value) if metric in COUNTS else float(value)


def video_rows(workspace: Workspace) -> list[Row]:
    """One row for each tracked video: its boxes, poses and tracks; those of unchanged tables are not counted again."""
    fresh = FreshVideos(workspace, "report", "rows", record="video-rows")
    rows = []
    for video in records(read_frame(workspace, "videos")):
        video_id = video["video_id"]
        inputs = [TABLES[name].path(workspace.tables, video_id) for name in _COUNTED]
        if not TABLES["tracks"].path(workspace.tables, video_id).exists():
            continue
        key = fresh.key(inputs, repr(sorted(video.items())))
        if (row := fresh.facts(video_id, key)) is None:
            row = _video_row(workspace, video)
            fresh.record(video_id, key, [], row)
        rows.append(row)
    fresh.keep()
    return rows


def _video_row(workspace: Workspace, video: Row) -> Row:
    video_id = video["video_id"]
    detections, poses, recovered, tracks, merged = (
        _detected(read_frame(workspace, name, video_id)) for name in _COUNTED
    )
    return {
        "video": video_id,
        "split": video["split"],
        "frames": int(video["frame_count"]),
        "labelled": int(video["labelled_frame_count"]),
        "boxes": len(detections),
        "poses": int(poses["drop_reason"].isna().sum()),
        "recovered": int(recovered["drop_reason"].isna().sum()),
        "tracks": int(tracks["track_id"].nunique()),
        "merged": int(merged["track_id"].nunique()),
        "tracked poses": len(tracks),
        "tags": list(video["tags"]),
        "width": video["width"],
        "height": video["height"],
        "is merged": TABLES["merged_tracks"].path(workspace.tables, video_id).is_file(),
    }


def _detected(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["box_source"] == "detected"]
