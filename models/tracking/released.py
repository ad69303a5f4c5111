"""Association by the rule of the released scripts, for comparison with the paper's (docs/reference.md).

The rule is theirs, without the scripts' bugs. The differences:

- The networks run in evaluation mode. The scripts leave batch normalisation in training mode, so that a result depends
  on which frames share a batch. Maps are read at the cells that the tables were computed with.
- The placeholders for ears take no part in scores or sums.
- The OKS is the mean over keypoints that were propagated and detected. In the scripts a keypoint below the joint
  threshold counts as one at the corner of the picture.
- A track without a surviving candidate votes for no duplicate. The scripts compare with the first pose of the frame.
- Poses are not sorted by score: each track claims one pose, so the order changes nothing.
- The number of poses is not limited; the scripts fail above 80. Ended tracks cost nothing.
- Minimum length and output threshold are those of `associate_poses` and `drop_poses`, in the scripts' order.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.poses.boxes import area, clip, extent_xyxy, grow
from models.poses.frame_poses import FramePoses, VideoPoses
from models.poses.oks import body_keypoints, oks
from models.tracking.association import Matches
from models.tracking.correspondences import Affinities, PropagatedPoses


@dataclass(frozen=True)
class ReleasedRule:
    """Thresholds of the released scripts; their values stand in parentheses.

    Attributes:
        joint_threshold: keypoints below it count as not detected (0.1).
        corr_threshold: peaks, affinities and box scores count above it (0.3).
        oks_threshold: least OKS of a match (0.2).
        min_keypoints: keypoints that a box score and a new track need; also a factor of the least affinity sum (2).
        box_margin_px: margin of the box around a pose (10).
        duplicate_ratio: a pose is a duplicate when the sum of two ratios, of OKS and of affinity sum, exceeds it (0.6).
    """

    joint_threshold: float
    corr_threshold: float
    oks_threshold: float
    min_keypoints: int
    box_margin_px: float
    duplicate_ratio: float


class _PairScores(NamedTuple):
    """Matrices (Q,P): mean peak inside the box of the pose, OKS, sum of affinities, OKS plus mean affinity."""

    box_score: FloatArray
    oks: FloatArray
    affinity_sum: FloatArray
    combined: FloatArray


@dataclass(frozen=True)
class ReleasedMatcher:
    """A `Matcher` for `associate_poses`; use it with `max_lost_frames` 0.

    Attributes:
        affinities, propagated: by the refined maps C.
        poses: all poses of the video.
        width, height: size of the picture, px.
        rule: thresholds.
    """

    affinities: Affinities
    propagated: PropagatedPoses
    poses: VideoPoses
    width: int
    height: int
    rule: ReleasedRule

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> Matches:
        """Match one frame; the similarity of a match is OKS plus mean affinity, 0 to 2."""
        detected = body_keypoints(target.score, self.rule.joint_threshold)
        scores = self._pair_scores(source_pose_id, target, detected)
        claimed = self._claimed_poses(scores)
        source, pose = _best_claims(claimed, scores.combined)
        unmatched = np.ones(len(target), dtype=np.bool_)
        unmatched[pose] = False
        return Matches(
            source,
            pose,
            scores.combined[source, pose],
            self._duplicates(scores, claimed, unmatched),
            np.asarray(detected.sum(axis=-1) >= self.rule.min_keypoints),
        )

    def _pair_scores(self, source_pose_id: IntArray, target: FramePoses, detected: BoolArray) -> _PairScores:
        rule = self.rule
        queried = body_keypoints(self.poses.score(source_pose_id), rule.joint_threshold)
        xy, peak = self.propagated.at(source_pose_id, target.frame_index)
        boxes = grow(extent_xyxy(target.xy[..., 0], target.xy[..., 1], detected), rule.box_margin_px)
        boxes = clip(boxes, width=self.width, height=self.height)
        box_score = _mean_peak_inside(xy, np.where(queried & (peak >= rule.corr_threshold), peak, 0.0), boxes, rule)
        propagated = queried & (peak > rule.corr_threshold)
        overlap = oks(xy, target.xy, valid=propagated[:, None] & detected[None], area=area(boxes)[None])
        affinity = self.affinities.block(source_pose_id, target)
        counted = detected[None] & (affinity > rule.corr_threshold)
        affinity_sum = np.where(counted, affinity, 0.0).sum(axis=-1)
        mean_affinity = affinity_sum / np.maximum(counted.sum(axis=-1), 1)
        return _PairScores(box_score, overlap, affinity_sum, overlap + mean_affinity)

    def _claimed_poses(self, scores: _PairScores) -> IntArray:
        """Pose that each track claims, (Q,): the best by box score if its OKS and affinity sum suffice; else -1."""
        if not scores.combined.size:
            return np.full(len(scores.combined), -1, dtype=np.int64)
        candidate = np.where(scores.box_score > self.rule.corr_threshold, scores.combined, -1.0)
        best = candidate.argmax(axis=1)
        row = np.arange(len(best))
        passes = (candidate[row, best] >= 0) & (scores.oks[row, best] > self.rule.oks_threshold)
        passes &= scores.affinity_sum[row, best] > self.rule.corr_threshold * self.rule.min_keypoints
        return np.where(passes, best, -1)

    def _duplicates(self, scores: _PairScores, claimed: IntArray, unmatched: BoolArray) -> IntArray:
        """Pose that each unmatched pose is a duplicate of, (P,), by the votes of the tracks with a claim; else -1."""
        duplicate_of = np.full(len(unmatched), -1, dtype=np.int64)
        votes = (scores.box_score > 0) | (scores.affinity_sum > 0) | (scores.oks > self.rule.oks_threshold)
        for row in np.flatnonzero(claimed >= 0):
            best = claimed[row]
            ratio = scores.oks[row] / scores.oks[row, best]
            ratio = ratio + scores.affinity_sum[row] / scores.affinity_sum[row, best]
            repeats = votes[row] & unmatched & (ratio > self.rule.duplicate_ratio) & (duplicate_of < 0)
            duplicate_of[repeats] = best
        return duplicate_of


def _mean_peak_inside(xy: FloatArray, peak: FloatArray, boxes: FloatArray, rule: ReleasedRule) -> FloatArray:
    """Mean peak (Q,P) of the correspondences inside each box (P,4); 0 with fewer than `min_keypoints` of them."""
    inside = (xy[:, None] >= boxes[None, :, None, :2]) & (xy[:, None] <= boxes[None, :, None, 2:])
    counted = inside.all(axis=-1) & (peak > 0)[:, None]
    count = counted.sum(axis=-1)
    mean = np.where(counted, peak[:, None], 0.0).sum(axis=-1) / np.maximum(count, 1)
    return np.where(count >= rule.min_keypoints, mean, 0.0)


def _best_claims(claimed: IntArray, combined: FloatArray) -> tuple[IntArray, IntArray]:
    """Give each claimed pose to the track with the highest combined score, ties to the first; sources, poses."""
    sources, poses = [], []
    for pose in np.unique(claimed[claimed >= 0]):
        claims = np.flatnonzero(claimed == pose)
        sources.append(int(claims[combined[claims, pose].argmax()]))
        poses.append(int(pose))
    return np.array(sources, dtype=np.int64), np.array(poses, dtype=np.int64)
