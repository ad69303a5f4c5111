"""Ground truth of one video, keypoints or boxes, and the metrics of tracks against it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.tracking.association import Tracks
from tasks.errors import InputError
from tasks.formats.json_files import load_json
from tasks.formats.mot import TrueBoxes, read_true_boxes
from tasks.formats.points import PointFile
from tasks.formats.posetrack_files import listed_images, read_points
from tasks.given_poses.box_metrics import box_metrics
from tasks.given_poses.clip import Clip, annotated_clip, bare_clip
from tasks.given_poses.poses import GivenPoses
from tasks.tracker_evaluation.metrics import TrackedPoses, VideoScore, metrics_of, score_video

Metrics: TypeAlias = Mapping[str, float | int | None]
KEYPOINT_METRICS: Final = ("MOTA", "IDSW")
BOX_METRICS: Final = ("IDSW", "IDF1", "MOTA", "misses", "false positives")


class Truth(Protocol):
    """What tracks are compared with."""

    @property
    def kind(self) -> str:
        """In words, for the output."""

    def metrics(self, poses: GivenPoses, tracks: Tracks, seen: Sequence[int]) -> Metrics:
        """Metrics of tracks of `poses` in the frames that were `seen`, percent and counts; None where undefined."""

    def of_poses(self, poses: GivenPoses, seen: Sequence[int]) -> Metrics:
        """Metrics of the poses themselves, whatever tracks them."""

    def gaps(self, frame_count: int) -> str | None:
        """What frames without annotation mean for the metrics; None where there are none."""


@dataclass(frozen=True)
class KeypointTruth:
    """PoseTrack keypoints, scored as poseval does."""

    points: PointFile
    frame_of: IntArray
    """Frame of the video of each frame of `points`; -1 for one whose picture is missing."""
    output_threshold: float
    kind: str = "keypoints, by the poseval protocol"

    def metrics(self, poses: GivenPoses, tracks: Tracks, seen: Sequence[int]) -> Metrics:
        """MOTA and identity switches, summed over joints."""
        values = metrics_of([self.score(poses, tracks, seen)])
        return {"MOTA": defined(values.mota), "IDSW": values.switches}

    def of_poses(self, poses: GivenPoses, seen: Sequence[int]) -> Metrics:
        """Average precision."""
        rows = np.flatnonzero(np.isin(poses.frame, seen))
        tracks = Tracks(poses.frame[rows], rows, rows % _ID_LIMIT, np.full(len(rows), np.nan), ())
        return {"mAP": defined(metrics_of([self.score(poses, tracks, seen)]).mean_ap)}

    def gaps(self, frame_count: int) -> str | None:
        """Frames that are not annotated are not scored."""
        without = frame_count - len(np.intersect1d(self.frame_of, range(frame_count)))
        return f"{without} of {frame_count} frames are not annotated, and not scored" if without else None

    def score(self, poses: GivenPoses, tracks: Tracks, seen: Sequence[int], *, corrected: bool = False) -> VideoScore:
        """The parts of the metrics, which add up over videos; `corrected` leaves out poseval's oddities of MOTA."""
        scored = np.flatnonzero(np.isin(self.frame_of, seen))
        position = {int(self.frame_of[row]): number for number, row in enumerate(scored)}
        rows = np.array([index in position for index in tracks.frame_index.tolist()], dtype=bool)
        frame = np.array([position[index] for index in tracks.frame_index[rows].tolist()], dtype=np.int64)
        pose = tracks.pose_id[rows]
        tracked = TrackedPoses(frame, tracks.track_id[rows], poses.xy[pose], poses.score[pose])
        truth = frames_of(self.points, scored)
        threshold = self.output_threshold
        return score_video(truth.source, truth, tracked, output_keypoint_threshold=threshold, corrected=corrected)


@dataclass(frozen=True)
class BoxTruth:
    """Person boxes with identities, compared with the boxes of tracked poses by motmetrics."""

    boxes: TrueBoxes
    kind: str = "boxes, matched at IoU 0.5, by motmetrics"

    def metrics(self, poses: GivenPoses, tracks: Tracks, seen: Sequence[int]) -> Metrics:
        """Identity switches, IDF1, MOTA, misses and false positives."""
        answered = TrueBoxes(tracks.frame_index, tracks.track_id, poses.box_xywh[tracks.pose_id])
        return box_metrics(self.boxes, answered, seen)

    def of_poses(self, poses: GivenPoses, seen: Sequence[int]) -> Metrics:
        """How many persons are annotated in the frames."""
        return {"annotated boxes": int(np.isin(self.boxes.frame, seen).sum())}

    def gaps(self, frame_count: int) -> str | None:
        """Frames without a box have no person, as MOT has it."""
        without = frame_count - len(np.intersect1d(self.boxes.frame, range(frame_count)))
        meaning = "as MOT has it, nobody is there, and tracked poses in them are false positives"
        return f"{without} of {frame_count} frames have no annotated box: {meaning}" if without else None


_ID_LIMIT: Final = 10_000


def read_truth(annotations: Path, video: Path | None, *, output_threshold: float) -> tuple[Truth, Clip]:
    """Ground truth and frames of one video: MOT boxes of a .txt or .csv, else PoseTrack keypoints.

    Raises:
        InputError: annotation or video cannot be read, or nothing is annotated.
    """
    if annotations.suffix.lower() in {".txt", ".csv"}:
        boxes = read_true_boxes(annotations)
        return BoxTruth(boxes), bare_clip(video, 1 + int(boxes.frame.max()))
    points = read_points(str(annotations), load_json(annotations), is_truth=True)
    known = {image.get("file_name"): image for image in listed_images(annotations)}
    images = [known.get(name, {"id": None, "file_name": name}) for name in points.frame_names]
    clip, frame_of = annotated_clip(video, annotations, images)
    if not len(points.person_frame) or all(index is None for index in frame_of):
        raise InputError(f"{annotations}: expected annotated persons in frames of the video, got none")
    frames = np.array([-1 if index is None else index for index in frame_of], dtype=np.int64)
    return KeypointTruth(points, frames, output_threshold), clip


def frames_of(points: PointFile, chosen: IntArray) -> PointFile:
    """The file with only the chosen frames, (F,) ascending."""
    kept: BoolArray = np.isin(points.person_frame, chosen)
    some = points.select(kept)
    polygons: dict[int, list[FloatArray]] = {
        position: points.polygons[row] for position, row in enumerate(chosen.tolist()) if row in points.polygons
    }
    names = tuple(points.frame_names[row] for row in chosen)
    return replace(some, frame_names=names, person_frame=np.searchsorted(chosen, some.person_frame), polygons=polygons)


def defined(value: float) -> float | None:
    """The value rounded for a table; None where it is undefined."""
    return round(value, 2) if math.isfinite(value) else None
