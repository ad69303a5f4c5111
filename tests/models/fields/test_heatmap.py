import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.fields.heatmap import decode_heatmap, encode_heatmap
from models.fields.offset_map import encode_offset_map
from models.keypoints import POSETRACK_KEYPOINTS, flip_order

HEIGHT, WIDTH = 64, 32
SIZE = {"height": HEIGHT, "width": WIDTH}
GOLDEN_OPS = Path(__file__).parents[2] / "golden" / "golden_ops.json"

inside_x, inside_y = (st.floats(0, side, exclude_max=True, width=32) for side in (WIDTH, HEIGHT))


def test_golden_pose_decode() -> None:
    """The released decode x = 4 ix + dx, on two summed passes, mapped back through the golden crop."""
    golden = json.loads(GOLDEN_OPS.read_text())
    name = next(key for key in golden if key.startswith("decode: "))
    generator = torch.Generator().manual_seed(11)
    heatmaps = torch.rand(17, 96, 72, generator=generator) * 2
    offsets = torch.randn(34, 96, 72, generator=generator) * 3
    xy, score = decode_heatmap(heatmaps[None], offsets[None])
    affine = np.array(golden["crop_affine box xywh [100,50,80,200] -> 288x384"])
    in_picture = np.linalg.inv(affine) @ np.vstack([xy[0].double().numpy().T, np.ones(17)])
    expected = np.array(golden[name]["keypoints"]).reshape(17, 3)
    np.testing.assert_allclose(in_picture[:2].T, expected[:, :2], rtol=1e-5)
    np.testing.assert_allclose(score[0].numpy() / 2, golden[name]["scores"], rtol=1e-6)


@given(x=inside_x, y=inside_y)
def test_the_largest_cell_is_the_one_that_holds_the_keypoint(x: float, y: float) -> None:
    heatmap = encode_heatmap(torch.tensor([[x, y]]), torch.tensor([2]), **SIZE, sigma_px=8.0)[0]
    assert heatmap[int(y // 4), int(x // 4)] == heatmap.max()
    assert heatmap.min() >= 0
    assert heatmap.max() <= 1


def test_a_keypoint_at_a_cells_centre_has_the_value_one_there_and_falls_off_by_the_sigma() -> None:
    heatmap = encode_heatmap(torch.tensor([[14.0, 22.0]]), torch.tensor([1]), **SIZE, sigma_px=4.0)[0]
    assert heatmap[5, 3] == 1
    assert heatmap[5, 4].item() == pytest.approx(np.exp(-0.5))
    assert heatmap[6, 4].item() == pytest.approx(np.exp(-1.0))


@given(x=inside_x, y=inside_y)
def test_encoding_and_decoding_with_offsets_gives_the_exact_position(x: float, y: float) -> None:
    keypoints, visibility = torch.tensor([[x, y]]), torch.tensor([1])
    heatmaps = encode_heatmap(keypoints, visibility, **SIZE, sigma_px=6.0)
    offsets, _ = encode_offset_map(keypoints, visibility, **SIZE, radius_px=8.0)
    xy, _ = decode_heatmap(heatmaps[None], offsets[None])
    torch.testing.assert_close(xy[0], keypoints, rtol=0, atol=1e-4)


@given(x=inside_x, y=inside_y)
def test_decoding_without_offsets_errs_by_half_a_cell_at_most(x: float, y: float) -> None:
    keypoints = torch.tensor([[x, y]])
    xy, _ = decode_heatmap(encode_heatmap(keypoints, torch.tensor([1]), **SIZE, sigma_px=6.0)[None], None)
    assert (xy[0] - keypoints).abs().max() <= 2.0


def test_invisible_keypoints_have_empty_maps_and_no_offsets() -> None:
    keypoints, visibility = torch.full((3, 2), 10.0), torch.tensor([0, 1, 2])
    heatmaps = encode_heatmap(keypoints, visibility, **SIZE, sigma_px=6.0)
    offsets, defined = encode_offset_map(keypoints, visibility, **SIZE, radius_px=8.0)
    assert [bool(each.any()) for each in heatmaps] == [False, True, True]
    assert [bool(each.any()) for each in defined] == [False, True, True]
    assert not offsets[0].any()
    assert not offsets[3].any()


def test_offsets_are_defined_within_the_radius_of_cell_centres() -> None:
    offsets, defined = encode_offset_map(torch.tensor([[14.0, 22.0]]), torch.tensor([1]), **SIZE, radius_px=4.0)
    cells = defined[0].nonzero().tolist()
    assert cells == [[4, 3], [5, 2], [5, 3], [5, 4], [6, 3]]
    assert offsets[:, 5, 3].tolist() == [2.0, 2.0]
    assert offsets[:, 5, 2].tolist() == [6.0, 2.0]
    assert offsets[:, 6, 3].tolist() == [2.0, -2.0]
    assert not offsets[:, 0, 0].any()


def test_batches_of_persons_are_encoded_at_once() -> None:
    keypoints, visibility = torch.rand(2, 17, 2) * 32, torch.randint(0, 3, (2, 17))
    heatmaps = encode_heatmap(keypoints, visibility, **SIZE, sigma_px=6.0)
    offsets, defined = encode_offset_map(keypoints, visibility, **SIZE, radius_px=8.0)
    assert tuple(heatmaps.shape) == tuple(defined.shape) == (2, 17, 16, 8)
    assert tuple(offsets.shape) == (2, 34, 16, 8)
    single = encode_offset_map(keypoints[1], visibility[1], **SIZE, radius_px=8.0)
    assert torch.equal(offsets[1], single[0])
    assert torch.equal(defined[1], single[1])


def test_a_mirrored_person_has_mirrored_maps_with_left_and_right_swapped() -> None:
    """A mirror maps x to width - x: it takes cell centres to cell centres, and an offset dx to 4 - dx."""
    keypoints, visibility = torch.rand(17, 2) * 32, torch.randint(0, 3, (17,))
    order = torch.as_tensor(flip_order(POSETRACK_KEYPOINTS))
    mirrored = torch.stack([WIDTH - keypoints[:, 0], keypoints[:, 1]], dim=1)[order]
    heatmaps = encode_heatmap(keypoints, visibility, **SIZE, sigma_px=6.0)
    torch.testing.assert_close(
        encode_heatmap(mirrored, visibility[order], **SIZE, sigma_px=6.0), heatmaps.flip(2)[order]
    )
    offsets, defined = encode_offset_map(keypoints, visibility, **SIZE, radius_px=8.0)
    mirrored_offsets, mirrored_defined = encode_offset_map(mirrored, visibility[order], **SIZE, radius_px=8.0)
    swapped = defined.flip(2)[order]
    assert torch.equal(mirrored_defined, swapped)
    expected_x = torch.where(swapped, 4 - offsets[:17].flip(2)[order], 0.0)
    torch.testing.assert_close(mirrored_offsets[:17], expected_x, rtol=0, atol=1e-5)
    torch.testing.assert_close(mirrored_offsets[17:], offsets[17:].flip(2)[order], rtol=0, atol=1e-5)
