"""Stage score: the tracks and the merged tracks against the ground truth, by the official protocol (section 6)."""

from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tasks.errors import InputError
from tasks.formats.file_pairs import FilePair
from tasks.formats.json_files import write_json
from tasks.out_folder import remove_written
from tasks.progress import current
from tasks.scoring.evaluation import SequenceScores, score_pair
from tasks.scoring.notices import notice_of_ties
from tasks.scoring.stage_figures import figures, figures_by_joint, score_rows, sequence_counts
from tasks.scoring.totals import Totals, total
from tasks.scoring.track_files import FrameLists, prediction_file
from tasks.tables import Table, TableError, read_table, write_table
from tasks.tables.schemas import MERGED_TRACKS, SCORES, TRACKS, VIDEOS
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_TABLES: Final = {"tracking": TRACKS, "merged": MERGED_TRACKS}
"""Which tracks each key of metrics.json is of; the first is the headline."""
_Row = dict[str, Any]


def run(workspace: Workspace, params: "Params") -> None:
    """Export every video's tracks to posetrack/{tracking,merged}/<video_id>.json, and score the annotated ones.

    Writes reports/metrics.json and the table scores: totals, per video, per joint and per difficulty tag. A sequence
    that cannot be scored is set aside with its reason; `sequences` says over how many each figure is.
    """
    videos = read_table(VIDEOS, VIDEOS.path(workspace.tables)).to_pylist()
    current().start("videos", len(videos) * len(_TABLES))
    metrics: dict[str, _Row] = {}
    rows: list[_Row] = []
    if not _annotated(videos, params):
        wanted = " and ".join(params.score.splits)
        current().notice(f"Nothing is scored: no video of the split {wanted} has annotated frames.")
    for number, (key, table) in enumerate(_TABLES.items()):
        scores = _Scores(key, _annotated(videos, params), _score(workspace, params, videos, key, table, number))
        metrics[key] = scores.figures()
        rows += scores.rows()
    write_table(SCORES, rows, SCORES.path(workspace.tables))
    workspace.reports.mkdir(parents=True, exist_ok=True)
    write_json(workspace.reports / "metrics.json", metrics, indent=2)
    current().summary(**{f"{key}_{name}": values[name] for key, values in metrics.items() for name in ("mAP", "MOTA")})


@dataclass(frozen=True)
class _Scores:
    """Scores of one kind of tracks, and the slices they are told in."""

    key: str
    videos: list[_Row]
    """Annotated videos of the scored splits, rows of the table `videos`."""
    parts: list[SequenceScores]
    """Those of them that have tracks."""

    def figures(self) -> _Row:
        """The object under this key in metrics.json."""
        slices: dict[str, dict[str, Totals]] = {"total": {}, "video": {}, "tag": {}}
        for scope, name, part in self._slices():
            slices[scope][name] = part
        whole = slices["total"][""]
        return {
            **figures(whole),
            "sequences": {"annotated": len(self.videos), **sequence_counts(self.parts)},
            "joints": figures_by_joint(whole),
            "videos": {name: figures(part) for name, part in slices["video"].items()},
            "tags": {name: figures(part) for name, part in slices["tag"].items()},
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
    folder = workspace.posetrack / key
    folder.mkdir(parents=True, exist_ok=True)
    annotated = {video["video_id"] for video in _annotated(videos, params)}
    frames = FrameLists(workspace)
    parts: list[SequenceScores] = []
    exported = set()
    for done, video in enumerate(videos, start=1):
        path = _export(workspace, params, video, table, folder / f"{video['video_id']}.json", frames)
        exported.add(path)
        if path and video["video_id"] in annotated:
            pair = FilePair(video["video_id"], workspace.data / video["source"], path)
            parts.append(score_pair(pair, sequence_index=len(parts)))
        current().advance(number * len(videos) + done, video=video["video_id"])
    for stale in set(folder.glob("*.json")) - exported:
        remove_written(stale)
    _tell(workspace, parts)
    return parts


def _export(
    workspace: Workspace, params: "Params", video: _Row, table: Table, target: Path, frames: FrameLists
) -> Path | None:
    """Write one video's tracks; None where it has no tracks, or where it was set aside just now."""
    video_id, source = video["video_id"], video["source"]
    tracks = table.path(workspace.tables, video_id)
    if not tracks.exists():
        return None
    threshold = params.track.output_keypoint_threshold
    try:
        listed = frames.of(video_id, source)
        content = prediction_file(table, tracks, listed, box_source=_box_source(params), joint_threshold=threshold)
        write_json(target, content)
    except (InputError, TableError) as error:
        current().reject(video_id, table.name, _short(workspace, str(error)))
        return None
    return target


def _box_source(params: "Params") -> str:
    """Tracks on detected boxes are what is scored; those on annotated boxes only where there are no others."""
    sources = params.detect.box_sources
    return "detected" if "detected" in sources else sources[0]


def _tell(workspace: Workspace, parts: Many[SequenceScores]) -> None:
    """What cannot be scored, and once for each kind what a reader of the scores must know."""
    told: dict[str, list[str]] = {}
    for part in parts:
        for metric in ("ap", "mot"):
            if metric in part.problems:
                where = "all scores" if metric == "ap" else "MOTA"
                current().reject(part.name, where, _short(workspace, part.problems[metric]))
                break
        if "hota" in part.problems:
            told.setdefault("hota_undefined", []).append(f"no HOTA: {part.problems['hota']}")
        for notice in part.notices:
            told.setdefault(notice.code, []).append(f"{notice.file}: {notice.message}")
    ties = total(parts, skip_undefined=True).ties
    told |= {notice.code: [notice.message] for notice in (notice_of_ties(ties) if ties else [])}
    for messages in told.values():
        others = f" (and {len(messages) - 1} more like it)" if len(messages) > 1 else ""
        current().notice(_short(workspace, messages[0]) + others)


def _short(workspace: Workspace, text: str) -> str:
    """File names relative to the run's folders, the same on every machine."""
    for folder in (workspace.data, workspace.artifacts):
        text = text.replace(f"{folder}/", f"{folder.name}/")
    return text
