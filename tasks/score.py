"""Stage score: the tracks and the merged tracks against the ground truth, by the official protocol (section 6)."""

from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.arrays import FloatArray
from models.metrics.average_precision import precision_recall
from tasks.errors import InputError
from tasks.formats.json_files import load_json, write_json
from tasks.formats.posetrack_files import as_posetrack18
from tasks.formats.posetrack_tracks import posetrack18_document
from tasks.progress import current
from tasks.scoring.ceiling import MEANING, ceiling_document
from tasks.scoring.evaluation import Document, SequenceScores, score_documents
from tasks.scoring.notices import notice_of_ties
from tasks.scoring.results import JOINT_NAMES
from tasks.scoring.stage_metrics import HEADLINE, metrics_by_joint, score_rows, sequence_counts, total_metrics
from tasks.scoring.totals import Totals, total
from tasks.tables import Table, TableError, read_table, write_table
from tasks.tables.arrays import list_array
from tasks.tables.schemas import DETECTIONS, FRAMES, MERGED_TRACKS, SCORES, TRACKS, VIDEOS
from tasks.tracked_videos import TrackedVideos, scored_box_source
from tasks.tracker_evaluation.intervals import CONFIDENCE, intervals
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_TABLES: Final = {"tracking": TRACKS, "merged": MERGED_TRACKS}
"""Which tracks each key of metrics.json and scores.json is of; the first is the headline."""
_Row = dict[str, Any]


def run(workspace: Workspace, params: "Params") -> None:
    """Score the tracks and the merged tracks of the annotated videos.

    Writes reports/metrics.json, the few totals that DVC compares between revisions, and all scores as
    reports/scores.json and the table scores: totals, per video, per joint and per difficulty tag. A sequence that
    cannot be scored is rejected with its reason; `sequences` counts those that each metric is over.
    reports/uncertainty.json holds how far the totals would move with other videos, and what the boxes allow at most;
    artifacts/plots/precision_recall.csv the curves that average precision is the area of.
    """
    videos = read_table(VIDEOS, VIDEOS.path(workspace.tables)).to_pylist()
    current().start("videos", len(_annotated(videos, params)) * len(_TABLES))
    everything: dict[str, _Row] = {}
    rows: list[_Row] = []
    parts: dict[str, list[SequenceScores]] = {}
    if not _annotated(videos, params):
        wanted = " and ".join(params.score.splits)
        current().notice(f"Nothing is scored: no video of the split {wanted} has annotated frames.")
    for number, (key, table) in enumerate(_TABLES.items()):
        scores = _Scores(key, _annotated(videos, params), _score(workspace, params, videos, key, table, number))
        everything[key], parts[key] = scores.metrics(), scores.parts
        rows += scores.rows()
    write_table(SCORES, rows, SCORES.path(workspace.tables))
    workspace.reports.mkdir(parents=True, exist_ok=True)
    metrics = {key: {name: values[name] for name in HEADLINE} for key, values in everything.items()}
    for name, content in (("scores.json", everything), ("metrics.json", metrics)):
        write_json(workspace.reports / name, content, indent=2)
    write_json(workspace.reports / "uncertainty.json", _uncertainty(workspace, params, videos, parts), indent=2)
    _write_curves(workspace, parts["tracking"])
    current().summary(**{f"{key}_{name}": values[name] for key, values in metrics.items() for name in ("mAP", "MOTA")})


@dataclass(frozen=True)
class _Scores:
    """Scores of one kind of tracks, and the slices that they are reported in."""

    key: str
    videos: list[_Row]
    """Annotated videos of the scored splits, rows of the table `videos`."""
    parts: list[SequenceScores]
    """Those of them that have tracks."""

    def metrics(self) -> _Row:
        """The object under this key in scores.json."""
        slices: dict[str, dict[str, Totals]] = {"total": {}, "video": {}, "tag": {}}
        for scope, name, part in self._slices():
            slices[scope][name] = part
        whole = slices["total"][""]
        return {
            **total_metrics(whole),
            "sequences": {"annotated": len(self.videos), **sequence_counts(self.parts)},
            "joints": metrics_by_joint(whole),
            "videos": {name: total_metrics(part) for name, part in slices["video"].items()},
            "tags": {name: total_metrics(part) for name, part in slices["tag"].items()},
        }

    def rows(self) -> list[_Row]:
        """Rows of the table `scores`."""
        return [row for scope, name, part in self._slices() for row in score_rows(self.key, scope, name, part)]

    def _slices(self) -> Iterator[tuple[str, str, Totals]]:
        yield "total", "", total(self.parts, skip_undefined=True)
        for part in self.parts:
            yield "video", part.name, total([part], skip_undefined=True)
        tags = {video["video_id"]: video["tags"] for video in self.videos}
        for tag in sorted({tag for part in self.parts for tag in tags[part.name]}):
            yield "tag", tag, total([part for part in self.parts if tag in tags[part.name]], skip_undefined=True)


def _annotated(videos: Many[_Row], params: "Params") -> list[_Row]:
    """Videos with ground truth in the splits that are scored."""
    splits = params.score.splits
    return [video for video in videos if video["split"] in splits and video["source"] and video["labelled_frame_count"]]


def _score(
    workspace: Workspace, params: "Params", videos: Many[_Row], key: str, table: Table, number: int
) -> list[SequenceScores]:
    annotated = _annotated(videos, params)
    tracked = TrackedVideos(
        workspace,
        box_source=scored_box_source(list(params.detect.box_sources)),
        keypoint_threshold=params.track.output_keypoint_threshold,
    )
    parts: list[SequenceScores] = []
    for done, video in enumerate(annotated, start=1):
        video_id, source = video["video_id"], video["source"]
        try:
            tracks = tracked.of(video_id, source, table)
            if tracks is not None:
                truth = Document(str(workspace.data / source), load_json(workspace.data / source))
                predicted = Document(f"{key}/{video_id}", posetrack18_document(tracks))
                parts.append(score_documents(video_id, truth, predicted, sequence_index=len(parts)))
        except (InputError, TableError) as error:
            current().reject(video_id, table.name, workspace.shortened(str(error)))
        current().advance(number * len(annotated) + done, video=video_id)
    _report_problems(workspace, parts)
    return parts


def _uncertainty(
    workspace: Workspace, params: "Params", videos: Many[_Row], parts: dict[str, list[SequenceScores]]
) -> _Row:
    resamples, seed = params.score.interval_resamples, params.run.seed
    best = [part for video in _annotated(videos, params) if (part := _best_possible(workspace, params, video))]
    reached = total_metrics(total(best, skip_undefined=True)) if best else {}
    return {
        "confidence": CONFIDENCE,
        "resamples": resamples,
        "intervals": {key: intervals(scored, resamples=resamples, seed=seed) for key, scored in parts.items()},
        "ceiling": {name: reached.get(name) for name in ("mAP", "MOTA", "HOTA")},
        "ceiling_meaning": MEANING,
    }


def _best_possible(workspace: Workspace, params: "Params", video: _Row) -> SequenceScores | None:
    """Scores of the true poses in the boxes of the run; None where a file of the video is absent or unusable."""
    path = DETECTIONS.path(workspace.tables, video["video_id"])
    if not path.exists():
        return None
    source = str(workspace.data / video["source"])
    try:
        truth = load_json(workspace.data / video["source"])
        boxes = _boxes_by_image(workspace, scored_box_source(list(params.detect.box_sources)), video["video_id"])
        if not boxes:
            return None  # the poses are from a file, or there are none
        best = ceiling_document(as_posetrack18(source, truth), boxes)
        return score_documents(video["video_id"], Document(source, truth), Document("ceiling", best))
    except (InputError, TableError):
        return None  # the tracks of this video are rejected with the reason


def _boxes_by_image(workspace: Workspace, box_source: str, video_id: str) -> dict[int, FloatArray]:
    """Boxes (N, 4) that poses were estimated in, by the id of the image."""
    frames = read_table(FRAMES, FRAMES.path(workspace.tables), ["video_id", "frame_index", "image_id"]).to_pylist()
    image_of = {row["frame_index"]: row["image_id"] for row in frames if row["video_id"] == video_id}
    rows = read_table(DETECTIONS, DETECTIONS.path(workspace.tables, video_id))
    boxes = list_array(rows, "box_xywh").astype(np.float64)
    used = [row["box_source"] == box_source and row["drop_reason"] is None for row in rows.to_pylist()]
    images = np.array([image_of[index] for index in rows["frame_index"].to_pylist()], dtype=np.int64)
    chosen = np.array(used, dtype=bool)
    return {int(image): boxes[chosen & (images == image)] for image in np.unique(images[chosen])}


_CURVE_POINTS: Final = 60
"""Points that are kept of the curve of a joint: as many as a chart can show."""


def _write_curves(workspace: Workspace, parts: Many[SequenceScores]) -> None:
    evidence = [part.evidence for part in parts if part.evidence is not None]
    lines = ["joint,recall,precision"]
    for joint, (recall, precision) in zip(JOINT_NAMES.values(), precision_recall(evidence), strict=False):
        kept = np.unique(np.linspace(0, len(recall) - 1, min(_CURVE_POINTS, len(recall))).round().astype(int))
        lines += [f"{joint},{recall[at]:.4f},{precision[at]:.4f}" for at in kept]
    write_whole(workspace.artifacts / "plots" / "precision_recall.csv", "\n".join(lines) + "\n")


def _report_problems(workspace: Workspace, parts: Many[SequenceScores]) -> None:
    """Reject what cannot be scored, and log once for each kind what a reader of the scores must know."""
    messages_of: dict[str, list[str]] = {}
    for part in parts:
        for metric in ("ap", "mot"):
            if metric in part.problems:
                where = "all scores" if metric == "ap" else "MOTA"
                current().reject(part.name, where, workspace.shortened(part.problems[metric]))
                break
        if "hota" in part.problems:
            messages_of.setdefault("hota_undefined", []).append(f"no HOTA: {part.problems['hota']}")
        for notice in part.notices:
            messages_of.setdefault(notice.code, []).append(f"{notice.file}: {notice.message}")
    ties = total(parts, skip_undefined=True).ties
    messages_of |= {notice.code: [notice.message] for notice in (notice_of_ties(ties) if ties else [])}
    for messages in messages_of.values():
        others = f" (and {len(messages) - 1} more like it)" if len(messages) > 1 else ""
        current().notice(workspace.shortened(messages[0]) + others)
