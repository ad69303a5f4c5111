"""Refined maps whose logits are so high that single precision rounds their sigmoid to 1 still peak at one cell."""

import math

import numpy as np
import pytest
import torch

from models.fields.affinity_map import PeakPosition
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


def peak(scores: dict[str, torch.Tensor], kind: str, position: PeakPosition) -> tuple[list[float], float]:
    """The peak of the first keypoint's map in cells, and its value."""
    xy, value = PoseMaps(scores, sure_maps().target, "floor", position).peaks(kind)
    return (xy[0, 0] / FEATURE_STRIDE - 0.5).tolist(), float(value[0, 0])


def test_between_cells_c_says_which_place_it_is_and_s_where():
    logits = sure_maps().scores["refined"] - 35.0  # highest at column 9, row 6
    siamese = torch.full_like(logits, 1e-6)
    siamese[..., 6, 8:12] = torch.tensor([0.1, 0.2, 0.4, 0.2])  # its top beside that is at column 10
    siamese[..., 2, 2] = 0.1
    scores = {"refined": logits, "siamese": siamese}
    cell, value = peak(scores, "refined", "cell")
    assert cell == [9.0, 6.0]
    assert peak(scores, "refined", "quadratic") == (pytest.approx([10.0, 6.0]), value)
    siamese[..., 6, 9] = 0.1  # the right neighbour is now twice the left one
    assert peak(scores, "siamese", "quadratic")[0] == pytest.approx([10 + 0.5 * math.log(2) / math.log(8), 6.0])
    assert peak(scores, "refined", "quadratic")[0] == peak(scores, "siamese", "quadratic")[0]


def test_without_a_query_the_top_of_c_itself_lies_between_cells():
    logits = sure_maps().scores["refined"].clone() - 35.0
    logits[..., 6, 10] += 2.0
    scores = {"refined": logits, "siamese": torch.zeros_like(logits)}
    offset = 2.0 / (2 * 4.0)  # neighbours 3 and 1 below the top
    value = peak(scores, "refined", "cell")[1]
    assert peak(scores, "refined", "quadratic") == (pytest.approx([9 + offset, 6.0]), value)
