"""Annotated poses of a video, and what an inaccurate pose network would make of them."""

from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from models.keypoints import KEYPOINT_COUNT, POSEVAL_FROM_POSETRACK
from models.metrics.sequence import HEAD_SIZE, JOINT_COUNT
from models.tracking.association import Tracks
from tasks.given_poses.poses import GivenPoses, keypoint_box
from tasks.given_poses.truth import KeypointTruth


@dataclass(frozen=True)
class Disturbance:
    """How far poses are from the truth."""

    noise_heads: float
    """Standard deviation of x and of y, each by itself, in head sizes (poseval's: 0.6 of the head box's diagonal)."""
    dropout: float
    """Probability that a keypoint is missing."""


@dataclass(frozen=True)
class TruePoses:
    """N annotated persons of one video, in frame order."""

    frame: IntArray
    """(N,)."""
    identity: IntArray
    """(N,)."""
    xy: FloatArray
    """(N,17,2) px, PoseTrack order."""
    is_annotated: FloatArray
    """(N,17), 1 where annotated, else 0."""
    head_size: FloatArray
    """(N,) px."""

    def in_longest_run(self) -> "TruePoses":
        """Those of the longest run of frames that follow each other and all have persons; the first of equal ones."""
        frames = np.unique(self.frame)
        runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
        rows = np.flatnonzero(np.isin(self.frame, max(runs, key=len)))
        return TruePoses(
            self.frame[rows], self.identity[rows], self.xy[rows], self.is_annotated[rows], self.head_size[rows]
        )

    def disturbed(self, by: Disturbance, *, seed: int) -> tuple[GivenPoses, IntArray]:
        """Poses with Gaussian noise and without some keypoints, and the identity of each.

        One seed draws the same directions and the same order of keypoints to miss whatever `by` is, so that
        differences between disturbances are not those of the draw. Persons without a keypoint are left out.
        """
        draw = np.random.default_rng(seed)
        offset, luck = draw.standard_normal(self.xy.shape), draw.random(self.is_annotated.shape)
        xy = self.xy + by.noise_heads * self.head_size[:, None, None] * offset
        score = np.where(luck >= by.dropout, self.is_annotated, 0.0)
        kept = np.flatnonzero((score > 0).any(axis=1))
        boxes = [keypoint_box(xy[row], score[row]) for row in kept]
        poses = GivenPoses(self.frame[kept], xy[kept], score[kept], np.array(boxes).reshape(-1, 4))
        return poses, self.identity[kept]


def true_poses(truth: KeypointTruth) -> TruePoses:
    """The annotated persons of the frames whose pictures are there; those without a head box have a median head."""
    points = truth.points
    order = np.argsort(truth.frame_of[points.person_frame], kind="stable")
    order = order[truth.frame_of[points.person_frame[order]] >= 0]
    xy = np.zeros((len(points.person_frame), KEYPOINT_COUNT, 2))
    annotated = np.zeros(xy.shape[:2])
    known = points.point_joint < JOINT_COUNT
    person, keypoint = points.point_person[known], POSEVAL_FROM_POSETRACK[points.point_joint[known]]
    xy[person, keypoint], annotated[person, keypoint] = points.point_xy[known], 1.0
    heads = HEAD_SIZE * np.linalg.norm(points.head_xyxy[:, 2:] - points.head_xyxy[:, :2], axis=1)
    heads = np.where(np.isfinite(heads), heads, np.nanmedian(heads) if np.isfinite(heads).any() else 0.0)
    frame, identity = truth.frame_of[points.person_frame[order]], points.track_id[order].astype(np.int64)
    return TruePoses(frame, identity, xy[order], annotated[order], heads[order])


def person_switches(tracks: Tracks, identity: IntArray) -> int:
    """How often a person's track is another than when the person was tracked last; whole persons, not joints.

    Args:
        tracks: of poses whose identity is known.
        identity: (N,) by pose id.
    """
    person = identity[tracks.pose_id]
    order = np.lexsort((tracks.frame_index, person))
    same = person[order][1:] == person[order][:-1]
    return int((same & (tracks.track_id[order][1:] != tracks.track_id[order][:-1])).sum())
