"""Figure 6: the same pose propagated to the next frame by optical flow and by correspondences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.tracking.correspondences import propagate_by_flow
from tasks.reporting.figures.examples import Example, PaperFigure, best
from tasks.reporting.figures.panels import QUERY, RESULT, WHITE, Panel, extent_of, joined, region_around
from tasks.reporting.figures.tracked_video import ReportedVideo
from tasks.tables.arrays import keypoint_array
from tasks.tracker_evaluation.optical_flow import DenseFlow

_CANDIDATES: Final = 24
"""Poses of each condition for which the flow is computed: those that move furthest."""
_ACCURATE: Final = 0.1
"""Only keypoints within this share of the longer side of the person from the annotation are compared."""
_MIN_KEYPOINTS: Final = 4
_LARGE: Final = "large motion"
_CONDITIONS: Final = {"motion blur": "motion_blur", "occlusion": "occlusion", _LARGE: ""}
"""Conditions of the figure in the paper, and the tag of videos with each; large motion is measured."""


@dataclass(frozen=True)
class NextFramePose:
    """A pose of one frame with its correspondences and the annotated keypoints of its person in the next frame."""

    video: ReportedVideo
    row: int
    """Row of the pose in `video.poses`."""
    xy: FloatArray
    """Correspondences (17,2)."""
    true_xy: FloatArray
    """(17,2); NaN where the next frame is not annotated."""
    compared: BoolArray
    """Keypoints (17): accurate in the first frame and annotated in both; without annotations, the confident ones."""
    size_px: float
    """Longer side of the person."""
    motion: float
    """Mean motion of the compared keypoints, as a share of that side."""

    @property
    def order(self) -> tuple[str, int]:
        """Differs between any two poses."""
        return self.video.video_id, self.row

    @property
    def is_annotated(self) -> bool:
        """Whether errors can be measured."""
        return bool(np.isfinite(self.true_xy[self.compared]).all())


@dataclass(frozen=True)
class PropagationPair:
    """Both propagations of one pose; errors are shares of the longer side of the person."""

    pose: NextFramePose
    flow_xy: FloatArray
    flow_error: float
    correspondence_error: float

    @property
    def gain(self) -> float:
        """Error of the flow minus that of the correspondences; without annotations, their distance."""
        return self.flow_error - self.correspondence_error


def figure_6(videos: Sequence[ReportedVideo], flow: DenseFlow, *, maps: str, keypoint_threshold: float) -> PaperFigure:
    """The poses for which correspondences are most ahead under blur, occlusion and large motion, and most behind."""
    poses = [pose for video in videos for pose in _poses_of(video, maps, keypoint_threshold)]
    annotated = [pose for pose in poses if pose.is_annotated]
    chosen: list[tuple[str, PropagationPair]] = []
    compared: list[PropagationPair] = []
    for condition, tag in _CONDITIONS.items():
        pool = [pose for pose in annotated or poses if not tag or tag in pose.video.tags]
        furthest = best(pool, _CANDIDATES, rank=lambda pose: (-pose.motion, *pose.order), video_of=lambda pose: "")
        known = {comparison.pose.order for comparison in compared}
        added = [_compare(pose, flow) for pose in furthest if pose.order not in known]
        compared += added
        chosen += [(condition, max(added, key=_by_gain))] if added else []
    if annotated and compared:
        chosen.append(("where flow is nearer", min(compared, key=_by_gain)))
    return PaperFigure(
        6,
        "Figure 6. A pose propagated by optical flow and by correspondences",
        "Left: the pose in a frame. Middle: propagated to the next frame by optical flow. Right: by correspondences. "
        "White dots: the annotation. For each condition, of the poses that move furthest, the one where "
        "correspondences are most ahead of the flow; last, the one where they are most behind. Without annotations, "
        "the poses where the two differ most.",
        [_example(condition, comparison) for condition, comparison in chosen],
        "" if chosen else "No pose has correspondences in the frame after it that could be compared.",
    )


def _by_gain(comparison: PropagationPair) -> tuple[Any, ...]:
    return comparison.gain, comparison.pose.order


def _poses_of(video: ReportedVideo, maps: str, keypoint_threshold: float) -> Iterator[NextFramePose]:
    rows, poses = video.correspondences, video.poses
    xy = keypoint_array(rows, f"{maps}_x", f"{maps}_y").astype(np.float64)
    ids, sources, targets = (
        rows[name].to_numpy() for name in ("source_pose_id", "source_frame_index", "target_frame_index")
    )
    for index in np.flatnonzero(targets - sources == 1).tolist():
        row = poses.row(int(ids[index]))
        if row < 0:
            continue
        pose = _next_frame_pose(video, row, xy[index], poses.score[row] >= keypoint_threshold)
        if pose is not None:
            yield pose


def _next_frame_pose(video: ReportedVideo, row: int, xy: FloatArray, confident: BoolArray) -> NextFramePose | None:
    poses, persons, person = video.poses, video.persons, int(video.person_of[row])
    if not video.is_annotated:
        if not confident.any():
            return None
        size = float(np.ptp(poses.box_xyxy[row].reshape(2, 2), axis=0).max())
        motion = float(np.linalg.norm(xy - poses.xy[row], axis=1)[confident].mean() / size)
        return NextFramePose(video, row, xy, np.full((17, 2), np.nan), confident, size, motion)
    then = persons.row(int(poses.frame[row]) + 1, int(persons.track_id[person])) if person >= 0 else -1
    if then < 0:
        return None
    size = float(np.ptp(persons.box_xyxy[person].reshape(2, 2), axis=0).max())
    accurate = np.linalg.norm(poses.xy[row] - persons.xy[person], axis=1) <= _ACCURATE * size
    compared = confident & accurate & persons.labelled[person] & persons.labelled[then]
    if compared.sum() < _MIN_KEYPOINTS:
        return None
    motion = np.linalg.norm(persons.xy[then] - persons.xy[person], axis=1)[compared].mean()
    return NextFramePose(video, row, xy, persons.xy[then], compared, size, float(motion / size))


def _compare(pose: NextFramePose, flow: DenseFlow) -> PropagationPair:
    poses = pose.video.poses
    frame = int(poses.frame[pose.row])
    before, after = pose.video.pictures(frame, frame + 1)
    flow_xy = propagate_by_flow(poses.xy[pose.row][None], flow(before, after))[0][0]
    target = pose.true_xy if pose.is_annotated else pose.xy
    errors = (np.linalg.norm(xy - target, axis=1)[pose.compared].mean() / pose.size_px for xy in (flow_xy, pose.xy))
    return PropagationPair(pose, flow_xy, *map(float, errors))


def _example(condition: str, comparison: PropagationPair) -> Example:
    pose, flow_xy = comparison.pose, comparison.flow_xy
    poses = pose.video.poses
    frame, shown = int(poses.frame[pose.row]), pose.compared
    before, after = pose.video.pictures(frame, frame + 1)
    query = poses.xy[pose.row]
    region = region_around([extent_of(xy, shown) for xy in (query, flow_xy, pose.xy, pose.true_xy)], after)
    true = pose.true_xy[shown & np.isfinite(pose.true_xy).all(axis=1)]
    panels = [
        Panel(before, region, "pose").pose(query, shown, QUERY),
        Panel(after, region, "flow").pose(flow_xy, shown, QUERY).points(true, WHITE),
        Panel(after, region, "correspondences").pose(pose.xy, shown, RESULT).points(true, WHITE),
    ]
    facts: dict[str, Any] = {
        "condition": condition,
        "video_id": pose.video.video_id,
        "frame_index": frame,
        "tags": pose.video.tags,
        "pose_id": int(poses.pose_id[pose.row]),
        "keypoints": int(shown.sum()),
        "motion_px": pose.motion * pose.size_px,
        "flow_error_px": comparison.flow_error * pose.size_px if pose.is_annotated else None,
        "correspondence_error_px": comparison.correspondence_error * pose.size_px if pose.is_annotated else None,
    }
    errors = "not annotated"
    if pose.is_annotated:
        errors = f"mean error {facts['flow_error_px']:.1f} px by flow, "
        errors += f"{facts['correspondence_error_px']:.1f} px by correspondences"
    caption = f"{condition}: {pose.video.location(frame)}: moves {facts['motion_px']:.0f} px; {errors}."
    return Example(joined(panels), caption[0].upper() + caption[1:], facts)
