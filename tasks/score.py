"""Stage score: the tracks and the merged tracks against the ground truth, by the official protocol (section 6)."""

from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tasks.errors import InputError
from tasks.formats.json_files import load_json, write_json
from tasks.formats.posetrack_tracks import posetrack18_document
from tasks.progress import current
from tasks.scoring.evaluation import Document, SequenceScores, score_documents
from tasks.scoring.notices import notice_of_ties
from tasks.scoring.stage_metrics import HEADLINE, metrics_by_joint, score_rows, sequence_counts, total_metrics
from tasks.scoring.totals import Totals, total
from tasks.tables import Table, TableError, read_table, write_table
from tasks.tables.schemas import MERGED_TRACKS, SCORES, TRACKS, VIDEOS
from tasks.tracked_videos import TrackedVideos, scored_box_source
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
    """
    videos = read_table(VIDEOS, VIDEOS.path(workspace.tables)).to_pylist()
    current().start("videos", len(_annotated(videos, params)) * len(_TABLES))
    everything: dict[str, _Row] = {}
    rows: list[_Row] = []
    if not _annotated(videos, params):
        wanted = " and ".join(params.score.splits)
        current().notice(f"Nothing is scored: no video of the split {wanted} has annotated frames.")
    for number, (key, table) in enumerate(_TABLES.items()):
        scores = _Scores(key, _annotated(videos, params), _score(workspace, params, videos, key, table, number))
        everything[key] = scores.metrics()
        rows += scores.rows()
    write_table(SCORES, rows, SCORES.path(workspace.tables))
    workspace.reports.mkdir(parents=True, exist_ok=True)
    metrics = {key: {name: values[name] for name in HEADLINE} for key, values in everything.items()}
    for name, content in (("scores.json", everything), ("metrics.json", metrics)):
        write_json(workspace.reports / name, content, indent=2)
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
