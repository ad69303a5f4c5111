"""Stage detect: person boxes of every frame, from files, from a detector, and from the annotations (6.1).

A detector sees one frame at a time, so `detect.shard_frames` changes no result.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tasks.fresh_videos import FreshVideos
from tasks.inference.box_files import BoxFiles, mot_file, results_files
from tasks.inference.box_sources import detector_weights, uses_detector
from tasks.inference.file_poses import FilePoses
from tasks.inference.network_poses import network_pose_rows
from tasks.inference.network_work import NetworkWork
from tasks.inference.person_boxes import (
    Annotations,
    PersonBox,
    PersonBoxes,
    detection_rows,
    numbered,
    numbered_by_source,
    why_all_dropped,
)
from tasks.inference.video_tables import remove_other_videos, write_video_tables
from tasks.inference.videos import Video, VideoIndex
from tasks.parquet import ROW_GROUP
from tasks.progress import current
from tasks.shards import Shard, map_shards
from tasks.tables import Table, read_table
from tasks.tables.schemas import DETECTIONS, NETWORK_POSES, PERSONS
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.inference.person_detector import BoxDetector, PosedBoxDetector
    from tasks.params.sections import Params

_SHOWN_VIDEOS: Final = 5
Lack: TypeAlias = str | None
"""Why a video gets no tracks from detected boxes, or `_ONLY_ANNOTATED`; None where it gets them."""
_ONLY_ANNOTATED: Final = "annotated boxes alone"
_NO_BOXES: Final = {
    "file": "expected person boxes, got none: COCO results in data/posetrack/detections, or NAME.det.txt in MOT form "
    "beside a bare video NAME.mp4",
    "poses": "expected poses from files, got none of its frames",
    **dict.fromkeys(("network", "torchvision"), "expected persons, got none: the detector finds nobody in any frame"),
}
"""Why a video has no detected boxes, by detect.source."""


def run(workspace: Workspace, params: "Params") -> None:
    """Write the person boxes of every video of the chosen splits, each source under its own name.

    A video without any box that can be used is rejected with the counts; the table keeps dropped boxes with the reason.
    """
    index = VideoIndex(workspace.tables)
    videos = index.of_splits(params.detect.splits)
    if not videos:
        splits = ", ".join(params.detect.splits)
        current().reject("the corpus", "", f"expected videos of the splits {splits}, got none: nothing is tracked")
    posed: Sequence[str] = []
    lacks: dict[str, Lack] = {}
    if uses_detector(params):
        is_posed = params.detect.source == "torchvision"
        work_of = DetectPosesWork if is_posed else DetectWork
        work = work_of(workspace.data, workspace.tables, {"detector": detector_weights(params.detect)}, params)
        map_shards(work, work.shards(videos), workspace=workspace, params=params)
        remove_other_videos(DETECTIONS, videos, workspace=workspace)
        posed = videos if is_posed else posed
    elif params.detect.source == "poses":
        _run_on_poses(index, videos, workspace=workspace, params=params)
    else:
        lacks = _run_on_files(index, videos, workspace=workspace, params=params)
    remove_other_videos(NETWORK_POSES, posed, workspace=workspace)
    _report_boxes(index.with_tables(DETECTIONS), lacks, workspace=workspace, params=params)


def _run_on_poses(index: VideoIndex, videos: Sequence[str], *, workspace: Workspace, params: "Params") -> None:
    """Make a detection of each pose from a file."""
    file_poses, annotations = FilePoses(workspace.tables), Annotations(workspace.tables)
    threshold, scores = params.detect.pose_score_threshold, list[float]()

    def rows_of(video_id: str) -> Iterable[pa.Table]:
        video = index.video(video_id)
        boxes = file_poses.boxes(video)
        scores.extend(boxes.score.tolist())
        return [_rows(video, boxes, annotations, params, score_threshold=threshold)]

    write_video_tables(DETECTIONS, videos, rows_of, workspace=workspace)
    current().summary(boxes=len(scores), boxes_above_threshold=sum(score >= threshold for score in scores))


def _run_on_files(
    index: VideoIndex, videos: Sequence[str], *, workspace: Workspace, params: "Params"
) -> dict[str, Lack]:
    """Write the boxes of files, where they are others than before; gives what the videos lack."""
    annotated = [index.video(video_id) for video_id in videos if index.row(video_id)["source"] is not None]
    threshold = params.detect.score_threshold
    files = BoxFiles(workspace.data, annotated, index.image_ids(), score_threshold=threshold)
    annotations = Annotations(workspace.tables)
    fresh = FreshVideos(workspace, "detect", params.detect.model_dump(mode="json"))
    results = fresh.key(results_files(workspace.data))
    keys: dict[str, str] = {}
    facts: dict[str, dict[str, Any]] = {}

    def rows_of(video_id: str) -> Iterable[pa.Table] | int:
        row, mot = index.row(video_id), mot_file(workspace.data, index.row(video_id))
        parts = [row, index.frame_bytes(video_id), annotations.bytes_of(video_id), row["source"] and results]
        key = fresh.key([mot] if mot else [], parts)
        if (known := fresh.facts(video_id, key)) is not None:
            facts[video_id] = known
            return int(known["rows"])
        video, reported = index.video(video_id), (len(current().rejects), len(current().notices))
        boxes = files.boxes(video) if "detected" in params.detect.box_sources else PersonBoxes.of([])
        rows = _rows(video, boxes, annotations, params, score_threshold=threshold)
        if (len(current().rejects), len(current().notices)) == reported:  # else it must be reported by each run
            keys[video_id] = key
        facts[video_id] = {"rows": len(rows), "lack": _lack(rows, params)}
        return (rows.slice(at, ROW_GROUP) for at in range(0, len(rows), ROW_GROUP))

    row_counts = write_video_tables(DETECTIONS, videos, rows_of, workspace=workspace)
    for video_id, key in keys.items():
        fresh.record(video_id, key, [DETECTIONS.path(workspace.tables, video_id)], facts[video_id])
    fresh.keep()
    current().summary(boxes=sum(row_counts.values()))
    return {video_id: known["lack"] for video_id, known in facts.items()}


def _lack(rows: pa.Table, params: "Params") -> Lack:
    """What a video lacks, by its rows of the table detections."""
    key = "pose_score_threshold" if params.detect.source == "poses" else "score_threshold"
    threshold = f"detect.{key} is {getattr(params.detect, key):g}"
    if reason := why_all_dropped(rows, threshold=threshold):
        return f"{reason}; the video gets no tracks from detected boxes"
    if pc.any(pc.equal(rows["box_source"], "detected")).as_py():
        return None
    if pc.any(pc.and_(pc.equal(rows["box_source"], "annotated"), pc.is_null(rows["drop_reason"]))).as_py():
        return _ONLY_ANNOTATED
    return f"{_NO_BOXES[params.detect.source]}; the video gets no tracks"


def _report_boxes(videos: Sequence[str], lacks: Mapping[str, Lack], *, workspace: Workspace, params: "Params") -> None:
    """Reject the videos without any box to use, and report those with annotated boxes alone."""
    if "detected" not in params.detect.box_sources:
        return
    without_boxes = []
    for video_id in videos:
        if video_id in lacks:
            lack = lacks[video_id]
        else:
            lack = _lack(read_table(DETECTIONS, DETECTIONS.path(workspace.tables, video_id)), params)
        if lack == _ONLY_ANNOTATED:
            without_boxes.append(video_id)
        elif lack is not None:
            current().reject(video_id, "", lack)
    if without_boxes:
        names = ", ".join(without_boxes[:_SHOWN_VIDEOS]) + (", ..." if len(without_boxes) > _SHOWN_VIDEOS else "")
        current().notice(
            f"{len(without_boxes)} of {len(videos)} videos have no detected person boxes ({names}) and get no tracks "
            f"from them; {_NO_BOXES[params.detect.source]}"
        )


def _rows(
    video: Video,
    detected: PersonBoxes,
    annotations: Annotations,
    params: "Params",
    *,
    score_threshold: float,
    frames: range | None = None,
) -> pa.Table:
    """Return rows of the table detections with the box sources that the parameters name, of the video or of frames."""
    annotated = annotations.boxes(video.video_id, frames)
    chosen: dict[str, PersonBoxes] = {
        source: detected if source == "detected" else annotated for source in params.detect.box_sources
    }
    return detection_rows(video, chosen, score_threshold=score_threshold)


@dataclass(frozen=True)
class DetectWork(NetworkWork):
    """Person boxes of one frame range of a video by a detector."""

    stage = "detect"
    inputs = (PERSONS,)
    outputs: ClassVar[tuple[Table, ...]] = (DETECTIONS,)
    late_modules = ("tasks.inference.person_detector",)
    sections = ("detect",)

    def shards(self, video_ids: Iterable[str]) -> list[Shard]:
        """Return the shards of `detect.shard_frames` frames."""
        return self.shards_of(video_ids, frames=self.params.detect.shard_frames)

    @cached_property
    def detector(self) -> "BoxDetector":
        """The detector, loaded once in each process."""
        from tasks.inference.person_detector import BoxDetector  # loads torch, which box files do without

        return BoxDetector(self.weights["detector"])

    @cached_property
    def annotations(self) -> Annotations:
        """The annotated persons, read once in each process."""
        return Annotations(self.tables)

    def __call__(self, shard: Shard) -> dict[str, pa.Table]:
        """Return the rows of the table detections for the frames of the shard."""
        video, pictures = self.opened(shard.video_id)
        boxes = list(self.detector.boxes(pictures, range(shard.first_frame, shard.last_frame)))
        return {DETECTIONS.name: self._rows(video, boxes, shard)}

    def joined(self, table: Table, rows: pa.Table) -> pa.Table:
        """Return the rows of a video, numbered through: a shard counts from 0."""
        return numbered_by_source(rows, self.params.detect.box_sources) if table is DETECTIONS else numbered(rows)

    def _rows(self, video: Video, boxes: Sequence[PersonBox], shard: Shard) -> pa.Table:
        threshold, frames = self.params.detect.score_threshold, range(shard.first_frame, shard.last_frame)
        detected = PersonBoxes.of(boxes)
        return _rows(video, detected, self.annotations, self.params, score_threshold=threshold, frames=frames)


@dataclass(frozen=True)
class DetectPosesWork(DetectWork):
    """Person boxes of one frame range of a video, and the keypoints in them, by a keypoint detector in one pass."""

    outputs = (DETECTIONS, NETWORK_POSES)

    @cached_property
    def posed_detector(self) -> "PosedBoxDetector":
        """The detector, loaded once in each process."""
        from tasks.inference.person_detector import PosedBoxDetector  # loads torch

        return PosedBoxDetector(self.weights["detector"])

    def __call__(self, shard: Shard) -> dict[str, pa.Table]:
        """Return the rows of the tables detections and network_poses for the frames of the shard."""
        video, pictures = self.opened(shard.video_id)
        posed = list(self.posed_detector.posed_boxes(pictures, range(shard.first_frame, shard.last_frame)))
        rows = self._rows(video, [person.box for person in posed], shard)
        return {DETECTIONS.name: rows, NETWORK_POSES.name: network_pose_rows(video.video_id, posed)}
