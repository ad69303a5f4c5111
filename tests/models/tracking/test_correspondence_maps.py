"""Refined maps whose logits are so high that single precision rounds their sigmoid to 1 still peak at one cell."""

import numpy as np
import torch

from models.networks.backbone import FEATURE_STRIDE
from models.tracking.correspondence_maps import FittedFrame, PoseMaps

CELLS = 16
PLAIN = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def sure_maps() -> PoseMaps:
    """One pose; each logit falls by 3 per cell from 40 at column 9, row 6."""
    rows, columns = torch.meshgrid(torch.arange(CELLS), torch.arange(CELLS), indexing="ij")
    logits = 40.0 - 3.0 * ((columns - 9).abs() + (rows - 6).abs())
    target = FittedFrame(torch.zeros(1, 32, CELLS, CELLS), PLAIN)
    return PoseMaps({"refined": logits.expand(1, 17, CELLS, CELLS)}, target, "floor")


def test_the_peak_is_the_highest_of_the_cells_that_are_all_one():
    maps = sure_maps()
    assert (maps.whole("refined")[0, 0] == 1.0).sum() > 50
    xy, value = maps.peaks("refined")
    assert (xy == np.array([9.5, 6.5]) * FEATURE_STRIDE).all()
    assert (value == 1.0).all()


def test_values_are_sigmoids_inside_and_zero_outside():
    keypoints = np.tile([[9.5 * FEATURE_STRIDE, 6.5 * FEATURE_STRIDE]], (2, 17, 1))
    keypoints[1] = -5.0
    values = sure_maps().sample("refined", keypoints)
    assert (values[0, 0] == 1.0).all()
    assert (values[0, 1] == 0.0).all()


def test_a_peak_between_cells_lies_beside_the_largest_cell_and_has_its_value():
    logits = sure_maps().scores["refined"] - 35.0
    logits[..., 6, 10] += 2.0
    whole, between = (
        PoseMaps({"refined": logits}, sure_maps().target, "floor", position).peaks("refined")
        for position in ("cell", "quadratic")
    )
    offset = 2.0 / (2 * 4.0)  # neighbours 3 and 1 below the top
    assert np.allclose(between[0] - whole[0], [offset * FEATURE_STRIDE, 0.0])
    assert (between[1] == whole[1]).all()
