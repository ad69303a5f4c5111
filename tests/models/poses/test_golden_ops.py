"""Parity with the reference's small numeric functions (tests/golden/golden_ops.json)."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.poses.boxes import extent_xyxy, grow
from models.poses.crops import crop_affine, frame_affine
from models.poses.nms import suppress
from models.poses.oks import keypoint_area, oks

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "golden_ops.json").read_text())
POSES = np.array(GOLDEN["poses"])
XY, SCORE = POSES[..., :2], POSES[..., 2]


def reference_oks(threshold: float) -> np.ndarray:
    """The reference's form: the mask of the candidate alone, at [kept, candidate]."""
    size = keypoint_area(XY, threshold <= SCORE)
    candidate_mask = (threshold < SCORE)[None]
    return oks(XY, XY, valid=candidate_mask, area=(size[:, None] + size[None]) / 2)


@pytest.mark.parametrize(
    ("name", "threshold"),
    [("oks_iou_thr0.05 (nms form) [i][j]: i=kept, j=candidate", 0.05), ("oks_tracking_form_thr0.1 [i][j]", 0.1)],
)
def test_oks_equals_the_reference(name, threshold):
    assert reference_oks(threshold) == pytest.approx(np.array(GOLDEN[name]), abs=1e-12)


def test_nms_keeps_what_the_reference_keeps():
    kept = suppress(SCORE.mean(axis=1), reference_oks(0.05), threshold=0.7).keep
    assert np.flatnonzero(kept).tolist() == GOLDEN["nms_keep_thr0.05_oks0.7"]


def test_crop_affine_equals_the_reference():
    affine = crop_affine(np.array([100.0, 50, 80, 200]), crop_width=288, crop_height=384)
    assert affine == pytest.approx(np.array(GOLDEN["crop_affine box xywh [100,50,80,200] -> 288x384"])[:2])


def test_frame_affine_equals_the_reference():
    golden = np.array(GOLDEN["frame_affine 1280x720 -> 512x512"])[:2]
    assert frame_affine(1280, 720, size_px=512) == pytest.approx(golden)


def test_recovery_box_equals_the_reference():
    box = grow(extent_xyxy(XY[0, :, 0], XY[0, :, 1], SCORE[0] > 0.1), 10.0)
    golden = GOLDEN["recovery_bbox xyxy (pose0, conf>0.1, 512x512, +10px)"]
    assert box == pytest.approx(np.array(golden), abs=1e-3)  # the file rounds the poses to three places
