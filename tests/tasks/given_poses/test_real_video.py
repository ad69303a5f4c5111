"""Poses of a public network on a real surveillance clip, against its boxes; real keypoints against themselves."""

import os
from pathlib import Path

import pytest

from tasks.given_poses.evaluation import EvaluationRequest, evaluate_tracking

_ROOT = os.environ.get("CORRTRACK_REAL_DATA", "")
CLIP, KEYPOINTS = Path(_ROOT) / "pets09_s2l1", Path(_ROOT) / "posetrack18_gt"
pytestmark = pytest.mark.skipif(
    not _ROOT or not CLIP.is_dir() or not KEYPOINTS.is_dir(),
    reason="CORRTRACK_REAL_DATA with pets09_s2l1/ and posetrack18_gt/ is not set",
)


def by_oks(params, poses, annotations, strides):
    request = EvaluationRequest(poses, annotations, None, None, Path("no weights"), strides)
    return evaluate_tracking(request, params)


def test_real_poses_against_real_boxes(params):
    answer = by_oks(params, CLIP / "poses_200_frames.json", CLIP / "gt.txt", (1, 8))
    assert [(row["frames"], row["poses"], row["annotated boxes"]) for row in answer.of_file] == [
        (200, 469, 1122),
        (25, 57, 141),
    ]
    every, eighth = answer.rows
    assert every["misses"] >= 1122 - 469
    assert 0 < eighth["MOTA"] < every["MOTA"] < 100 * 469 / 1122


def test_real_keypoints_as_poses_are_without_fault(params):
    path = KEYPOINTS / "000002_bonn.json"
    answer = by_oks(params, path, path, (1, 8))
    assert [row["IDSW"] for row in answer.rows] == [0, 0]
    assert [row["MOTA"] for row in answer.rows] == [100.0, 100.0]
