"""Figure 6: the same pose carried to the next frame by optical flow and by correspondences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.tracking.correspondences import propagate_by_flow
from tasks.reporting.figures.examples import Example, Figure, best
from tasks.reporting.figures.panels import FOUND, QUERY, WHITE, Panel, extent_of, joined, region_around
from tasks.reporting.figures.tracked_video import Footage
from tasks.tables.arrays import keypoint_array
from tasks.tracker_evaluation.optical_flow import DenseFlow

_CANDIDATES: Final = 24
"""Poses of each condition that the flow is computed for: those that move furthest."""
_RIGHT: Final = 0.1
"""A keypoint is right within this share of the person's longer side; only right ones are compared."""
_FEWEST: Final = 4
_LARGE: Final = "large motion"
_CONDITIONS: Final = {"motion blur": "motion_blur", "occlusion": "occlusion", _LARGE: ""}
"""Conditions of the paper's figure, and the tag of a video that has them; large motion is measured."""


@dataclass(frozen=True)
class Carried:
    """A pose of one frame with its correspondences in the next, and where the person's keypoints truly went."""

    footage: Footage
    row: int
    """Place of the pose."""
    xy: FloatArray
    """Correspondences (17,2)."""
    true_xy: FloatArray
    """(17,2); NaN where the next frame is not annotated."""
    compared: BoolArray
    """Keypoints (17) that are right in the first frame and annotated in both; without annotations, those found."""
    size_px: float
    """The person's longer side."""
    motion: float
    """Mean way of the compared keypoints, in shares of that side."""

    @property
    def order(self) -> tuple[str, int]:
        """Tells any two apart."""
        return self.footage.video_id, self.row

    @property
    def is_annotated(self) -> bool:
        """Whether errors can be measured."""
        return bool(np.isfinite(self.true_xy[self.compared]).all())


@dataclass(frozen=True)
class Compared:
    """The same with the pose that optical flow carries; errors are shares of the person's longer side."""

    carried: Carried
    flow_xy: FloatArray
    flow_error: float
    own_error: float

    @property
    def gain(self) -> float:
        """By how much correspondences are nearer; where nothing is annotated, how far the two are apart."""
        return self.flow_error - self.own_error


def figure_6(footages: Sequence[Footage], flow: DenseFlow, *, maps: str, joint_threshold: float) -> Figure:
    """Blur, occlusion and large motion: where correspondences win most, and where flow does."""
    carried = [one for footage in footages for one in _carried(footage, maps, joint_threshold)]
    known = [one for one in carried if one.is_annotated]
    chosen: list[tuple[str, Compared]] = []
    compared: list[Compared] = []
    for condition, tag in _CONDITIONS.items():
        pool = [one for one in known or carried if not tag or tag in one.footage.tags]
        far = best(pool, _CANDIDATES, rank=lambda one: (-one.motion, *one.order), video=lambda one: "")
        shown = {other.carried.order for other in compared}
        found = [_compare(one, flow) for one in far if one.order not in shown]
        compared += found
        chosen += [(condition, max(found, key=lambda one: (one.gain, one.carried.order)))] if found else []
    if known and compared:
        chosen.append(("where flow is nearer", min(compared, key=lambda one: (one.gain, one.carried.order))))
    return Figure(
        6,
        "Figure 6. A pose carried by optical flow and by correspondences",
        "Left: the pose in a frame. Middle: carried to the next by optical flow. Right: by correspondences. White "
        "dots: the annotation. Of the poses that move furthest under each condition, the one where correspondences "
        "gain most on the flow, and last the one where they lose most; without annotations, where both differ most.",
        [_example(condition, one) for condition, one in chosen],
        "" if chosen else "No pose has correspondences in the frame after it that could be compared.",
    )


def _carried(footage: Footage, maps: str, joint_threshold: float) -> Iterator[Carried]:
    rows, poses = footage.correspondences, footage.poses
    xy = keypoint_array(rows, f"{maps}_x", f"{maps}_y").astype(np.float64)
    ids, sources, targets = (
        rows[name].to_numpy() for name in ("source_pose_id", "source_frame_index", "target_frame_index")
    )
    for place in np.flatnonzero(targets - sources == 1).tolist():
        row = poses.row(int(ids[place]))
        if row < 0:
            continue
        one = _of_pose(footage, row, xy[place], poses.score[row] >= joint_threshold)
        if one is not None:
            yield one


def _of_pose(footage: Footage, row: int, xy: FloatArray, found: BoolArray) -> Carried | None:
    poses, persons, person = footage.poses, footage.persons, int(footage.person_of[row])
    if not footage.is_annotated:
        size = float(np.ptp(poses.box_xyxy[row].reshape(2, 2), axis=0).max())
        motion = float(np.linalg.norm(xy - poses.xy[row], axis=1)[found].mean() / size) if found.any() else 0.0
        return Carried(footage, row, xy, np.full((17, 2), np.nan), found, size, motion) if found.any() else None
    then = persons.row(int(poses.frame[row]) + 1, int(persons.track_id[person])) if person >= 0 else -1
    if then < 0:
        return None
    size = float(np.ptp(persons.box_xyxy[person].reshape(2, 2), axis=0).max())
    right = np.linalg.norm(poses.xy[row] - persons.xy[person], axis=1) <= _RIGHT * size
    compared = found & right & persons.labelled[person] & persons.labelled[then]
    if compared.sum() < _FEWEST:
        return None
    way = np.linalg.norm(persons.xy[then] - persons.xy[person], axis=1)[compared].mean()
    return Carried(footage, row, xy, persons.xy[then], compared, size, float(way / size))


def _compare(one: Carried, flow: DenseFlow) -> Compared:
    poses = one.footage.poses
    frame = int(poses.frame[one.row])
    before, after = one.footage.pictures(frame, frame + 1)
    flow_xy = propagate_by_flow(poses.xy[one.row][None], flow(before, after))[0][0]
    target = one.true_xy if one.is_annotated else one.xy
    errors = [float(np.linalg.norm(xy - target, axis=1)[one.compared].mean() / one.size_px) for xy in (flow_xy, one.xy)]
    return Compared(one, flow_xy, *errors)


def _example(condition: str, one: Compared) -> Example:
    carried, poses = one.carried, one.carried.footage.poses
    frame, shown = int(poses.frame[carried.row]), carried.compared
    before, after = carried.footage.pictures(frame, frame + 1)
    query = poses.xy[carried.row]
    region = region_around([extent_of(xy, shown) for xy in (query, one.flow_xy, carried.xy, carried.true_xy)], after)
    true = carried.true_xy[shown & np.isfinite(carried.true_xy).all(axis=1)]
    panels = [
        Panel(before, region, "pose").pose(query, shown, QUERY),
        Panel(after, region, "flow").pose(one.flow_xy, shown, QUERY).points(true, WHITE),
        Panel(after, region, "correspondences").pose(carried.xy, shown, FOUND).points(true, WHITE),
    ]
    facts: dict[str, Any] = {
        "condition": condition,
        "video_id": carried.footage.video_id,
        "frame_index": frame,
        "tags": carried.footage.tags,
        "pose_id": int(poses.pose_id[carried.row]),
        "keypoints": int(shown.sum()),
        "motion_px": carried.motion * carried.size_px,
        "flow_error_px": one.flow_error * carried.size_px if carried.is_annotated else None,
        "correspondence_error_px": one.own_error * carried.size_px if carried.is_annotated else None,
    }
    told = "not annotated"
    if carried.is_annotated:
        told = f"mean error {facts['flow_error_px']:.1f} px by flow, "
        told += f"{facts['correspondence_error_px']:.1f} px by correspondences"
    caption = f"{condition}: {carried.footage.place(frame)}: moves {facts['motion_px']:.0f} px; {told}."
    return Example(joined(panels), caption[0].upper() + caption[1:], facts)
