"""Stage detect: person boxes of every frame, from files, from a detector, and from the annotations (6.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import InputError
from tasks.inference.box_files import BoxFiles
from tasks.inference.box_sources import uses_detector
from tasks.inference.file_poses import FilePoses
from tasks.inference.network_work import NetworkWork
from tasks.inference.person_boxes import Annotations, PersonBox, detection_rows, why_all_dropped
from tasks.inference.video_tables import remove_other_videos, write_video_tables
from tasks.inference.videos import Video, VideoIndex
from tasks.progress import current
from tasks.shards import Shard, map_shards
from tasks.tables import read_table
from tasks.tables.schemas import DETECTIONS, PERSONS
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.inference.person_detector import BoxDetector
    from tasks.params.sections import Params

_SHOWN_VIDEOS: Final = 5


def run(workspace: Workspace, params: "Params") -> None:
    """Write the person boxes of every video of the chosen splits, each source under its own name.

    A video whose detected boxes are all dropped is rejected with the counts; the table keeps them with the reason.
    """
    index = VideoIndex(workspace.tables)
    videos = index.of_splits(params.detect.splits)
    if not videos:
        current().notice(f"no video of the splits {', '.join(params.detect.splits)}: nothing is tracked")
    if uses_detector(params):
        weights = {"detector": Path(str(params.detect.network_weights))}
        work = DetectWork(workspace.data, workspace.tables, weights, params)
        map_shards(work, work.shards(videos), workspace=workspace, params=params)
        remove_other_videos(DETECTIONS, videos, workspace=workspace)
    elif params.detect.source == "poses":
        _run_on_poses(index, videos, workspace=workspace, params=params)
    else:
        _run_on_files(index, videos, workspace=workspace, params=params)
    _report_boxes(index.with_tables(DETECTIONS), workspace=workspace, params=params)


def _run_on_poses(index: VideoIndex, videos: Sequence[str], *, workspace: Workspace, params: "Params") -> None:
    """Make a detection of each pose from a file.

    Raises:
        InputError: there is no pose of these videos, or all have too low a score.
    """
    file_poses, annotations = FilePoses(workspace.tables), Annotations(workspace.tables)
    boxes = {video_id: file_poses.boxes(index.video(video_id)) for video_id in videos}
    scores = [box.score for of_video in boxes.values() for box in of_video]
    usable = sum(score >= params.detect.pose_score_threshold for score in scores)
    if not usable:
        raise InputError(
            f"detect.source is poses, but of {len(scores)} poses from files in {len(videos)} videos none can be "
            "tracked; expected poses of these videos in data/poses, with scores from detect.pose_score_threshold "
            f"{params.detect.pose_score_threshold}; the rejects of the stage index name what else was found"
        )

    def rows_of(video_id: str) -> pa.Table:
        threshold = params.detect.pose_score_threshold
        return _rows(index.video(video_id), boxes[video_id], annotations, params, score_threshold=threshold)

    write_video_tables(DETECTIONS, videos, rows_of, workspace=workspace)
    current().summary(boxes=len(scores), boxes_above_threshold=usable)
    without = [video_id for video_id in videos if not boxes[video_id]]
    if without:
        current().notice(f"{len(without)} of {len(videos)} videos have no poses from files, such as {without[0]}")


def _run_on_files(index: VideoIndex, videos: Sequence[str], *, workspace: Workspace, params: "Params") -> None:
    by_id = {video_id: index.video(video_id) for video_id in videos}
    files = BoxFiles(workspace.data, list(by_id.values()), index.image_ids())
    annotations = Annotations(workspace.tables)

    def rows_of(video_id: str) -> pa.Table:
        video = by_id[video_id]
        boxes = files.boxes(video) if "detected" in params.detect.box_sources else []
        return _rows(video, boxes, annotations, params, score_threshold=params.detect.score_threshold)

    row_count = write_video_tables(DETECTIONS, videos, rows_of, workspace=workspace)
    current().summary(boxes=row_count)


def _report_boxes(videos: Sequence[str], *, workspace: Workspace, params: "Params") -> None:
    """Report the videos without detected boxes, and reject those whose boxes are all dropped."""
    if "detected" not in params.detect.box_sources:
        return
    without_boxes = []
    for video_id in videos:
        rows = read_table(DETECTIONS, DETECTIONS.path(workspace.tables, video_id))
        if reason := why_all_dropped(rows, score_threshold=params.detect.score_threshold):
            current().reject(video_id, "", f"{reason}; the video gets no tracks from detected boxes")
        elif not pc.any(pc.equal(rows["box_source"], "detected")).as_py():
            without_boxes.append(video_id)
    if without_boxes:
        names = ", ".join(without_boxes[:_SHOWN_VIDEOS]) + (", ..." if len(without_boxes) > _SHOWN_VIDEOS else "")
        current().notice(
            f"{len(without_boxes)} of {len(videos)} videos have no detected person boxes ({names}) and get no tracks "
            "from them; expected COCO results in data/posetrack/detections, or NAME.det.txt in MOT form beside a bare "
            "video NAME.mp4"
        )


def _rows(
    video: Video,
    detected: Sequence[PersonBox],
    annotations: Annotations,
    params: "Params",
    *,
    score_threshold: float,
) -> pa.Table:
    """Return rows of the table detections with the box sources that the parameters name."""
    chosen: dict[str, Sequence[PersonBox]] = {
        source: detected if source == "detected" else annotations.boxes(video) for source in params.detect.box_sources
    }
    return detection_rows(video, chosen, score_threshold=score_threshold)


@dataclass(frozen=True)
class DetectWork(NetworkWork):
    """Person boxes of one video by a detector."""

    stage = "detect"
    inputs = (PERSONS,)
    outputs = (DETECTIONS,)
    late_modules = ("tasks.inference.person_detector",)
    sections = ("detect",)

    @cached_property
    def detector(self) -> "BoxDetector":
        """The detector, loaded once in each process."""
        from tasks.inference.person_detector import BoxDetector  # loads torch, which box files do without

        return BoxDetector(self.weights["detector"])

    def __call__(self, shard: Shard) -> dict[str, pa.Table]:
        """Return the rows of the table detections of the video."""
        video = self.index.video(shard.video_id)
        boxes = list(self.detector.boxes(video.open(self.data), video.frames_of("detected")))
        threshold = self.params.detect.score_threshold
        return {DETECTIONS.name: _rows(video, boxes, Annotations(self.tables), self.params, score_threshold=threshold)}
