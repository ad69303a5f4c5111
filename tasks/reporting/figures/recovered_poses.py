"""Figures 4 and 10: missed poses that correspondences recovered, and recovered poses on somebody else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.poses.oks import oks
from tasks.reporting.figures.examples import Example, Figure, best
from tasks.reporting.figures.panels import (
    FOUND,
    FRAME_HEIGHT_PX,
    QUERY,
    WHITE,
    Panel,
    extent_of,
    joined,
    region_around,
    whole,
    with_heat,
)
from tasks.reporting.figures.recovery_maps import RecoveryMaps
from tasks.reporting.figures.tracked_video import Footage

_FIGURE_4: Final = 3
_FIGURE_10_GOOD: Final = 3
_FIGURE_10_BAD: Final = 3


@dataclass(frozen=True)
class Recovered:
    """One recovered pose, by its place among the poses of a video, with what the annotations say of it."""

    footage: Footage
    row: int
    source: int
    """Place of the pose it came from."""
    oks: float
    """With the annotated person it is on; NaN without annotation, 0 on nobody."""
    was_missed: bool
    """No detected pose is on that person, or nothing is annotated."""
    on_another: bool
    """The annotated person, if any, is not the one that the source pose is on."""

    @property
    def score(self) -> float:
        """Mean score of its keypoints."""
        return float(self.footage.poses.pose_score[self.row])

    @property
    def frame(self) -> int:
        """Frame in which it was recovered."""
        return int(self.footage.poses.frame[self.row])

    @property
    def facts(self) -> dict[str, Any]:
        """For programs."""
        poses = self.footage.poses
        return {
            "video_id": self.footage.video_id,
            "frame_index": self.frame,
            "tags": self.footage.tags,
            "pose_id": int(poses.pose_id[self.row]),
            "source_pose_id": int(poses.pose_id[self.source]),
            "source_frame_index": int(poses.frame[self.source]),
            "pose_score": self.score,
            "oks": None if np.isnan(self.oks) else self.oks,
        }

    @property
    def order(self) -> tuple[str, int]:
        """Tells any two apart."""
        return self.footage.video_id, self.row


def recovered_poses(footages: Sequence[Footage]) -> list[Recovered]:
    """All of them."""
    return [one for footage in footages for one in _of_footage(footage)]


def _of_footage(footage: Footage) -> Iterator[Recovered]:
    poses, persons, person_of = footage.poses, footage.persons, footage.person_of
    taken = {int(person) for person in person_of[~poses.is_recovered] if person >= 0}
    labelled = set(persons.frame.tolist())
    for row in np.flatnonzero(poses.is_recovered).tolist():
        source, person = poses.row(int(poses.source_pose_id[row])), int(person_of[row])
        if source < 0:
            continue
        if int(poses.frame[row]) not in labelled:
            yield Recovered(footage, row, source, float("nan"), was_missed=True, on_another=False)
            continue
        of_source = int(person_of[source])
        same = person >= 0 and of_source >= 0 and persons.track_id[person] == persons.track_id[of_source]
        yield Recovered(
            footage,
            row,
            source,
            _oks(footage, row, person),
            was_missed=person >= 0 and person not in taken,
            on_another=of_source >= 0 and not same,
        )


def _oks(footage: Footage, row: int, person: int) -> float:
    if person < 0:
        return 0.0
    persons = footage.persons
    found, true = footage.poses.xy[row][None], persons.xy[person][None]
    return float(oks(found, true, valid=persons.labelled[person], area=persons.area[person])[0, 0])


def _good(candidates: Sequence[Recovered]) -> list[Recovered]:
    """Annotated ones that were missed; where nothing is annotated, all."""
    known = [one for one in candidates if not np.isnan(one.oks)]
    return [one for one in known if one.was_missed and not one.on_another] if known else list(candidates)


def _goodness(one: Recovered) -> tuple[Any, ...]:
    return (-one.score if np.isnan(one.oks) else -one.oks, *one.order)


def figure_4(candidates: Sequence[Recovered], maps: RecoveryMaps | None) -> Figure:
    """How a missed pose is recovered, step by step."""
    found = best(_good(candidates), _FIGURE_4, rank=_goodness, video=lambda one: one.footage.video_id)
    nothing = "No missed pose was recovered." if not found else ""
    if maps is None:
        found, nothing = [], "There is no correspondence network to draw the maps with."
    return Figure(
        4,
        "Figure 4. Recovering missed detections",
        "(a) The pose in the frame before. (b) The frame with the detected poses: this person is missed. (c) The "
        "affinity maps of the pose, the largest over its keypoints, brightest at their common maximum. (d) The "
        "correspondences, yellow where confident. (e) The box around them and the pose estimated in it. Chosen: the "
        "largest OKS with the annotated person, or without annotations the largest score.",
        [_steps(one, maps) for one in found if maps is not None],
        nothing,
    )


def _steps(one: Recovered, maps: RecoveryMaps) -> Example:
    footage, poses = one.footage, one.footage.poses
    before, after = footage.pictures(int(poses.frame[one.source]), one.frame)
    source_xy, queried = poses.xy[one.source], maps.queried(poses.score[one.source])
    heat, peak_xy, peak = maps.of(before, after, source_xy, poses.score[one.source])
    confident = queried & (peak >= maps.threshold)
    shown = np.ones(17, dtype=bool) & (poses.score[one.row] >= maps.query_threshold)
    boxes = [poses.box_xyxy[one.row], poses.box_xyxy[one.source], extent_of(source_xy, queried)]
    region = region_around(boxes, after)
    missed = Panel(after, region, "b")
    for other in np.flatnonzero((poses.frame == one.frame) & ~poses.is_recovered).tolist():
        missed.pose(poses.xy[other], poses.score[other] >= maps.query_threshold, WHITE, thickness=1)
    largest = float(heat.max())
    lit = with_heat(after, heat / max(largest, 1e-6))
    panels = [
        Panel(before, region, "a").pose(source_xy, queried, QUERY),
        missed,
        Panel(lit, region, "c"),
        Panel(after, region, "d").points(peak_xy[queried], WHITE).points(peak_xy[confident], QUERY),
        Panel(after, region, "e").box(poses.box_xyxy[one.row], FOUND).pose(poses.xy[one.row], shown, FOUND),
    ]
    caption = f"{footage.place(one.frame)}: {_quality(one)}; largest affinity {largest:.2f}."
    return Example(joined(panels), caption, one.facts | {"largest_affinity": largest})


def figure_10(candidates: Sequence[Recovered], *, joint_threshold: float) -> Figure:
    """Whole frames with what was recovered in them: where it helped, and where it went to somebody else."""
    good = best(_good(candidates), _FIGURE_4 + _FIGURE_10_GOOD, rank=_goodness, video=lambda one: one.footage.video_id)
    wrong = [one for one in candidates if one.on_another]
    bad = best(wrong, _FIGURE_10_BAD, rank=lambda one: (-one.score, *one.order), video=lambda one: one.footage.video_id)
    annotated = any(not np.isnan(one.oks) for one in candidates)
    nothing = "" if wrong else "No recovered pose lies on another person than its source."
    return Figure(
        10,
        "Figure 10. Recovered poses, good and bad",
        "White: detected poses. Green: the recovered pose. First good ones, by the rule of figure 4; then the most "
        "confident ones that lie on nobody or on another annotated person than the pose they came from.",
        [_frame(one, joint_threshold) for one in (*good[_FIGURE_4:], *bad)],
        nothing if annotated else "Without annotations nobody can tell which of them are wrong.",
    )


def _frame(one: Recovered, joint_threshold: float) -> Example:
    footage, poses = one.footage, one.footage.poses
    (picture,) = footage.pictures(one.frame)
    panel = Panel(picture, whole(picture), height_px=FRAME_HEIGHT_PX)
    for other in np.flatnonzero((poses.frame == one.frame) & ~poses.is_recovered).tolist():
        panel.pose(poses.xy[other], poses.score[other] >= joint_threshold, WHITE, thickness=1)
    panel.box(poses.box_xyxy[one.row], FOUND).pose(poses.xy[one.row], poses.score[one.row] >= joint_threshold, FOUND)
    return Example(joined([panel]), f"{footage.place(one.frame)}: {_quality(one)}.", one.facts)


def _quality(one: Recovered) -> str:
    score = f"score {one.score:.2f}"
    if np.isnan(one.oks):
        return f"{score}, not annotated"
    person = int(one.footage.person_of[one.row])
    if person < 0:
        return f"{score}, on nobody"
    identity = int(one.footage.persons.track_id[person])
    source = int(one.footage.person_of[one.source])
    if one.on_another:
        return f"{score}, on person {identity}, recovered from person {int(one.footage.persons.track_id[source])}"
    return f"{score}, OKS {one.oks:.2f} with person {identity}"
