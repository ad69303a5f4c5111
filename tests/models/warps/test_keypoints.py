"""PoseTrack's head keypoints are derived from COCO's shoulders and nose."""

import numpy as np
import pytest

from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS
from models.warps.keypoints import HEAD_BOTTOM, HEAD_TOP, NOSE, posetrack_from_coco

SHOULDERS = [COCO_KEYPOINTS.index(name) for name in ("left_shoulder", "right_shoulder")]
COCO_HIPS = [COCO_KEYPOINTS.index(name) for name in ("left_hip", "right_hip")]


def test_head_keypoints_come_from_shoulders_and_nose():
    points = np.zeros((1, 17, 2))
    points[0, COCO_KEYPOINTS.index("nose")] = (50, 20)
    points[0, SHOULDERS] = [(60, 40), (44, 44)]
    xy, labelled = posetrack_from_coco(points, np.ones((1, 17), dtype=bool))
    assert xy[0, HEAD_BOTTOM].tolist() == [52, 42]
    assert xy[0, HEAD_TOP] == pytest.approx([50 + 0.8 * -2, 20 + 0.8 * -22])
    assert labelled[0].all()


@pytest.mark.parametrize(
    ("missing", "bottom", "top"),
    [("nose", True, False), ("left_shoulder", False, False), ("left_eye", True, True), ("left_ear", True, True)],
)
def test_head_keypoints_need_what_they_are_made_of(missing, bottom, top):
    labelled = np.ones((1, 17), dtype=bool)
    labelled[0, COCO_KEYPOINTS.index(missing)] = False
    _, known = posetrack_from_coco(np.zeros((1, 17, 2)), labelled)
    assert (known[0, HEAD_BOTTOM], known[0, HEAD_TOP]) == (bottom, top)
    assert known[0, POSETRACK_KEYPOINTS.index("left_ear")] == (missing != "left_ear")


def test_without_a_nose_the_head_stands_above_the_trunk_on_request():
    points, labelled = np.zeros((1, 17, 2)), np.zeros((1, 17), dtype=bool)
    points[0, SHOULDERS], points[0, COCO_HIPS] = [(40.0, 50.0), (60.0, 50.0)], [(45.0, 90.0), (55.0, 90.0)]
    labelled[0, [*SHOULDERS, *COCO_HIPS]] = True
    _, plain = posetrack_from_coco(points, labelled)
    assert not plain[0, [NOSE, HEAD_TOP]].any()
    xy, known = posetrack_from_coco(points, labelled, head_from_trunk=True)
    assert known[0, [NOSE, HEAD_TOP]].all()
    assert xy[0, [HEAD_TOP, NOSE, HEAD_BOTTOM]].tolist() == [[50, 24], [50, 36], [50, 50]]
