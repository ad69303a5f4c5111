"""Association by the rule of the released scripts (FACTS 4.7), to be compared with the paper's.

Same rule, without the scripts' bugs. It deviates from them in this:

- The maps come from networks in evaluation mode; the scripts leave batch normalisation in training mode, so that a
  result depends on which frames share a batch. Maps are read at the cells that the tables were computed with.
- The placeholders for ears take no part, neither in scores nor in sums.
- The OKS is taken over keypoints that arrived and were found; a keypoint below the joint threshold is no keypoint at
  the corner of the picture.
- A track without a surviving candidate votes for no duplicate; the scripts compare with the frame's first pose then.
- The poses are not taken in the order of their scores: each track claims one pose, so the order changes nothing.
- Any number of poses; the scripts fail above 80. Ended tracks cost nothing.
- Minimum length and output threshold are the shared ones of `associate_poses` and `drop_poses`, in the scripts' order.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.poses.boxes import area, clip, extent_xyxy, grow
from models.poses.frame_poses import FramePoses, VideoPoses
from models.poses.oks import body_keypoints, oks
from models.tracking.association import Matches
from models.tracking.propagation import Affinities, CarriedPoses


@dataclass(frozen=True)
class ReleasedRule:
    """Numbers of the released scripts, with the scripts' values.

    Attributes:
        joint_threshold: keypoints below it are not there (0.1).
        corr_threshold: peaks, affinities and box scores count above it (0.3).
        oks_threshold: least OKS of a match (0.2).
        min_keypoints: keypoints that a box score and a new track need; also factor of the least affinity sum (2).
        box_margin_px: margin of the box around a pose (10).
        duplicate_ratio: a second pose falls when the sum of two ratios, of OKS and of affinity sum, exceeds it (0.6).
    """

    joint_threshold: float
    corr_threshold: float
    oks_threshold: float
    min_keypoints: int
    box_margin_px: float
    duplicate_ratio: float


class _Evidence(NamedTuple):
    """Matrices (Q,P): mean peak inside the pose's box, OKS, sum of affinities, OKS plus mean affinity."""

    box_score: FloatArray
    oks: FloatArray
    affinity_sum: FloatArray
    combined: FloatArray


@dataclass(frozen=True)
class ReleasedMatcher:
    """A `Matcher` for `associate_poses`; use it with `max_lost_frames` 0.

    Attributes:
        affinities, carried: rows of the refined maps C.
        poses: all poses of the video.
        width, height: size of the picture, px.
        rule: thresholds.
    """

    affinities: Affinities
    carried: CarriedPoses
    poses: VideoPoses
    width: int
    height: int
    rule: ReleasedRule

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> Matches:
        """Match one frame; the similarity of a match is OKS plus mean affinity, 0 to 2."""
        found = body_keypoints(target.score, self.rule.joint_threshold)
        evidence = self._evidence(source_pose_id, target, found)
        choice = self._choices(evidence)
        source, pose = _best_claims(choice, evidence.combined)
        unmatched = np.ones(len(target), dtype=np.bool_)
        unmatched[pose] = False
        return Matches(
            source,
            pose,
            evidence.combined[source, pose],
            self._doubles(evidence, choice, unmatched),
            np.asarray(found.sum(axis=-1) >= self.rule.min_keypoints),
        )

    def _evidence(self, source_pose_id: IntArray, target: FramePoses, found: BoolArray) -> _Evidence:
        rule = self.rule
        queried = body_keypoints(self.poses.score(source_pose_id), rule.joint_threshold)
        xy, peak = self.carried.at(source_pose_id, target.frame_index)
        boxes = grow(extent_xyxy(target.xy[..., 0], target.xy[..., 1], found), rule.box_margin_px)
        boxes = clip(boxes, width=self.width, height=self.height)
        box_score = _mean_peak_inside(xy, np.where(queried & (peak >= rule.corr_threshold), peak, 0.0), boxes, rule)
        arrived = queried & (peak > rule.corr_threshold)
        overlap = oks(xy, target.xy, valid=arrived[:, None] & found[None], area=area(boxes)[None])
        affinity = self.affinities.block(source_pose_id, target)
        counted = found[None] & (affinity > rule.corr_threshold)
        affinity_sum = np.where(counted, affinity, 0.0).sum(axis=-1)
        mean_affinity = affinity_sum / np.maximum(counted.sum(axis=-1), 1)
        return _Evidence(box_score, overlap, affinity_sum, overlap + mean_affinity)

    def _choices(self, evidence: _Evidence) -> IntArray:
        """Pose that each track claims, (Q,): the best inside its box if it passes both gates; else -1."""
        if not evidence.combined.size:
            return np.full(len(evidence.combined), -1, dtype=np.int64)
        candidate = np.where(evidence.box_score > self.rule.corr_threshold, evidence.combined, -1.0)
        best = candidate.argmax(axis=1)
        row = np.arange(len(best))
        passes = (candidate[row, best] >= 0) & (evidence.oks[row, best] > self.rule.oks_threshold)
        passes &= evidence.affinity_sum[row, best] > self.rule.corr_threshold * self.rule.min_keypoints
        return np.where(passes, best, -1)

    def _doubles(self, evidence: _Evidence, choice: IntArray, unmatched: BoolArray) -> IntArray:
        """Pose that each unmatched pose repeats, (P,), by the votes of the tracks with a claim; else -1."""
        doubles = np.full(len(unmatched), -1, dtype=np.int64)
        votes = (evidence.box_score > 0) | (evidence.affinity_sum > 0) | (evidence.oks > self.rule.oks_threshold)
        for row in np.flatnonzero(choice >= 0):
            best = choice[row]
            ratio = evidence.oks[row] / evidence.oks[row, best]
            ratio = ratio + evidence.affinity_sum[row] / evidence.affinity_sum[row, best]
            falls = votes[row] & unmatched & (ratio > self.rule.duplicate_ratio) & (doubles < 0)
            doubles[falls] = best
        return doubles


def _mean_peak_inside(xy: FloatArray, peak: FloatArray, boxes: FloatArray, rule: ReleasedRule) -> FloatArray:
    """Mean peak (Q,P) of the correspondences inside each box (P,4); 0 with fewer than `min_keypoints` of them."""
    inside = (xy[:, None] >= boxes[None, :, None, :2]) & (xy[:, None] <= boxes[None, :, None, 2:])
    counted = inside.all(axis=-1) & (peak > 0)[:, None]
    count = counted.sum(axis=-1)
    mean = np.where(counted, peak[:, None], 0.0).sum(axis=-1) / np.maximum(count, 1)
    return np.where(count >= rule.min_keypoints, mean, 0.0)


def _best_claims(choice: IntArray, combined: FloatArray) -> tuple[IntArray, IntArray]:
    """Give each claimed pose the track that claims it with the most evidence, ties to the first; sources, poses."""
    sources, poses = [], []
    for pose in np.unique(choice[choice >= 0]):
        claims = np.flatnonzero(choice == pose)
        sources.append(int(claims[combined[claims, pose].argmax()]))
        poses.append(int(pose))
    return np.array(sources, dtype=np.int64), np.array(poses, dtype=np.int64)
