"""Figures 4 and 10: missed poses that correspondences recovered, and poses recovered on the wrong person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.arrays import FloatArray
from models.poses.oks import oks
from tasks.reporting.figures.examples import Example, PaperFigure, best
from tasks.reporting.figures.joint_maps import joint_maps
from tasks.reporting.figures.panels import (
    FRAME_HEIGHT_PX,
    QUERY,
    RESULT,
    WHITE,
    Panel,
    extent_of,
    joined,
    region_around,
    whole,
    with_heat,
)
from tasks.reporting.figures.recovery_maps import RecoveryMaps
from tasks.reporting.figures.tracked_video import ReportedVideo

_FIGURE_4: Final = 3
_FIGURE_10_GOOD: Final = 3
_FIGURE_10_BAD: Final = 3


@dataclass(frozen=True)
class RecoveredPose:
    """One recovered pose, compared with the annotations."""

    video: ReportedVideo
    row: int
    """In `video.poses`."""
    source: int
    """Row of the pose it came from."""
    oks: float
    """With the annotated person it is on; NaN without annotation, 0 on no person."""
    was_missed: bool
    """No detected pose is on that person, or the frame is not annotated."""
    on_another: bool
    """The source pose is on an annotated person, and this pose is not on the same one."""

    @property
    def score(self) -> float:
        """Mean score of its keypoints."""
        return float(self.video.poses.pose_score[self.row])

    @property
    def frame(self) -> int:
        """Frame in which it was recovered."""
        return int(self.video.poses.frame[self.row])

    @property
    def facts(self) -> dict[str, Any]:
        """Facts for programs."""
        poses = self.video.poses
        return {
            "video_id": self.video.video_id,
            "frame_index": self.frame,
            "tags": self.video.tags,
            "pose_id": int(poses.pose_id[self.row]),
            "source_pose_id": int(poses.pose_id[self.source]),
            "source_frame_index": int(poses.frame[self.source]),
            "pose_score": self.score,
            "oks": None if np.isnan(self.oks) else self.oks,
        }

    @property
    def order(self) -> tuple[str, int]:
        """Differs between any two poses."""
        return self.video.video_id, self.row


def recovered_poses(videos: Sequence[ReportedVideo]) -> list[RecoveredPose]:
    """The recovered poses of all videos."""
    return [pose for video in videos for pose in _of_video(video)]


def _of_video(video: ReportedVideo) -> Iterator[RecoveredPose]:
    poses, persons, person_of = video.poses, video.persons, video.person_of
    detected = {int(person) for person in person_of[~poses.is_recovered] if person >= 0}
    labelled = set(persons.frame.tolist())
    for row in np.flatnonzero(poses.is_recovered).tolist():
        source, person = poses.row(int(poses.source_pose_id[row])), int(person_of[row])
        if source < 0:
            continue
        if int(poses.frame[row]) not in labelled:
            yield RecoveredPose(video, row, source, float("nan"), was_missed=True, on_another=False)
            continue
        of_source = int(person_of[source])
        same = person >= 0 and of_source >= 0 and persons.track_id[person] == persons.track_id[of_source]
        yield RecoveredPose(
            video,
            row,
            source,
            _oks(video, row, person),
            was_missed=person >= 0 and person not in detected,
            on_another=of_source >= 0 and not same,
        )


def _oks(video: ReportedVideo, row: int, person: int) -> float:
    if person < 0:
        return 0.0
    persons = video.persons
    recovered, true = video.poses.xy[row][None], persons.xy[person][None]
    return float(oks(recovered, true, valid=persons.labelled[person], area=persons.area[person])[0, 0])


def _good(candidates: Sequence[RecoveredPose]) -> list[RecoveredPose]:
    """Those on annotated persons that were missed; all where nothing is annotated."""
    annotated = [pose for pose in candidates if not np.isnan(pose.oks)]
    return [pose for pose in annotated if pose.was_missed and not pose.on_another] if annotated else list(candidates)


def _best_first(pose: RecoveredPose) -> tuple[Any, ...]:
    return (-pose.score if np.isnan(pose.oks) else -pose.oks, *pose.order)


def _video_of(pose: RecoveredPose) -> str:
    return pose.video.video_id


def figure_4(candidates: Sequence[RecoveredPose], maps: RecoveryMaps | None) -> PaperFigure:
    """The steps in which a missed pose is recovered."""
    shown = best(_good(candidates), _FIGURE_4, rank=_best_first, video_of=_video_of)
    nothing = "" if shown else "No missed pose was recovered."
    if maps is None:
        shown, nothing = [], "The maps cannot be drawn: there is no correspondence network."
    return PaperFigure(
        4,
        "Figure 4. Recovering missed detections",
        "(a) The pose in the previous frame. (b) The frame with the detected poses; this person is missed. (c) The "
        "maximum of the affinity maps over the keypoints of the pose, scaled to its largest value. (d) The "
        "correspondences, yellow where confident. (e) The box around them and the pose estimated in it. The examples "
        "have the largest OKS with the annotated person; without annotations, the largest score.",
        [_steps(pose, maps) for pose in shown if maps is not None],
        nothing,
    )


def _steps(pose: RecoveredPose, maps: RecoveryMaps) -> Example:
    video, poses = pose.video, pose.video.poses
    before, after = video.pictures(int(poses.frame[pose.source]), pose.frame)
    source_xy, queried = poses.xy[pose.source], maps.queried(poses.score[pose.source])
    affinities = maps.of(before, after, source_xy, poses.score[pose.source])
    heat, (peak_xy, peak) = affinities.largest(), affinities.peaks(affinities.used)
    confident = queried & (peak >= maps.threshold)
    shown = np.ones(17, dtype=bool) & (poses.score[pose.row] >= maps.query_threshold)
    boxes = [poses.box_xyxy[pose.row], poses.box_xyxy[pose.source], extent_of(source_xy, queried)]
    region = region_around(boxes, after)
    missed = Panel(after, region, "b")
    for other in np.flatnonzero((poses.frame == pose.frame) & ~poses.is_recovered).tolist():
        missed.pose(poses.xy[other], poses.score[other] >= maps.query_threshold, WHITE, thickness=1)
    largest = float(heat.max())
    lit = with_heat(after, heat / max(largest, 1e-6))
    panels = [
        Panel(before, region, "a").pose(source_xy, queried, QUERY),
        missed,
        Panel(lit, region, "c"),
        Panel(after, region, "d").points(peak_xy[queried], WHITE).points(peak_xy[confident], QUERY),
        Panel(after, region, "e").box(poses.box_xyxy[pose.row], RESULT).pose(poses.xy[pose.row], shown, RESULT),
    ]
    caption = f"{video.location(pose.frame)}: {_quality(pose)}; largest affinity {largest:.2f}."
    maps_of_joints = joint_maps(affinities, after, region, true_keypoints(pose))
    return Example(joined(panels), caption, pose.facts | {"largest_affinity": largest}, maps_of_joints)


def true_keypoints(pose: RecoveredPose) -> FloatArray:
    """Annotated keypoints (17,2) px of the person who is recovered, in the frame of recovery; NaN where unknown."""
    persons, person = pose.video.persons, int(pose.video.person_of[pose.row])
    if person < 0:
        return np.full((17, 2), np.nan)
    return np.where(persons.labelled[person][:, None], persons.xy[person], np.nan)


def figure_10(candidates: Sequence[RecoveredPose], *, keypoint_threshold: float) -> PaperFigure:
    """Whole frames with poses recovered on the missed person and on another person."""
    good = best(_good(candidates), _FIGURE_4 + _FIGURE_10_GOOD, rank=_best_first, video_of=_video_of)
    wrong = [pose for pose in candidates if pose.on_another]
    bad = best(wrong, _FIGURE_10_BAD, rank=lambda pose: (-pose.score, *pose.order), video_of=_video_of)
    annotated = any(not np.isnan(pose.oks) for pose in candidates)
    nothing = "" if wrong else "No recovered pose is on another person than its source."
    return PaperFigure(
        10,
        "Figure 10. Recovered poses, good and bad",
        "White: detected poses. Green: the recovered pose. First good examples, by the rule of Figure 4; then the "
        "most confident ones that are on no person, or on another annotated person than their source.",
        [_frame(pose, keypoint_threshold) for pose in (*good[_FIGURE_4:], *bad)],
        nothing if annotated else "Wrong recoveries are known only where persons are annotated.",
    )


def _frame(pose: RecoveredPose, keypoint_threshold: float) -> Example:
    video, poses = pose.video, pose.video.poses
    (picture,) = video.pictures(pose.frame)
    panel = Panel(picture, whole(picture), height_px=FRAME_HEIGHT_PX)
    for other in np.flatnonzero((poses.frame == pose.frame) & ~poses.is_recovered).tolist():
        panel.pose(poses.xy[other], poses.score[other] >= keypoint_threshold, WHITE, thickness=1)
    panel.box(poses.box_xyxy[pose.row], RESULT).pose(
        poses.xy[pose.row], poses.score[pose.row] >= keypoint_threshold, RESULT
    )
    return Example(joined([panel]), f"{video.location(pose.frame)}: {_quality(pose)}.", pose.facts)


def _quality(pose: RecoveredPose) -> str:
    score = f"score {pose.score:.2f}"
    if np.isnan(pose.oks):
        return f"{score}, not annotated"
    person, source = (int(pose.video.person_of[row]) for row in (pose.row, pose.source))
    if person < 0:
        return f"{score}, on no person"
    identities = pose.video.persons.track_id
    if pose.on_another:
        return f"{score}, on person {int(identities[person])}, recovered from person {int(identities[source])}"
    return f"{score}, OKS {pose.oks:.2f} with person {int(identities[person])}"
