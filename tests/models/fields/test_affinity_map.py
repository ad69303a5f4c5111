import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.fields.affinity_map import (
    Convention,
    cell_of,
    encode_affinity_map,
    fractional_peaks,
    inside_map,
    lookup_cell_of,
    peaks,
    peaks_near,
    pixel_of,
    sample,
)

HEIGHT, WIDTH = 4, 6

positions = st.floats(-50, 50, allow_nan=False, width=32)


@pytest.mark.parametrize(
    ("pixel", "floor_cell", "released_query", "released_lookup"),
    [
        (0.0, 0, 0, 0),
        (3.99, 0, 0, 1),
        (4.0, 1, 1, 1),
        (2.0, 0, 0, 0),  # 0.5 rounds half to even: down
        (6.0, 1, 1, 2),  # 1.5 rounds half to even: up
        (10.0, 2, 2, 2),  # 2.5 down
        (-0.5, -1, 0, 0),
        (-4.0, -1, -1, -1),
        (23.9, 5, 5, 5),  # lookups are held inside the far border: 5.975 would round to 6
        (99.0, 24, 24, 5),
    ],
)
def test_cells_of_a_column_position(pixel: float, floor_cell: int, released_query: int, released_lookup: int) -> None:
    position = torch.tensor([pixel, 0.0])
    size = {"height": HEIGHT, "width": WIDTH}
    assert cell_of(position, "floor")[0] == floor_cell
    assert lookup_cell_of(position, "floor", **size)[0] == floor_cell
    assert cell_of(position, "released")[0] == released_query
    assert lookup_cell_of(position, "released", **size)[0] == released_lookup


@pytest.mark.parametrize(("convention", "pixel"), [("floor", 14.0), ("released", 12.0)])
def test_a_cell_decodes_to_its_pixel(convention: str, pixel: float) -> None:
    assert pixel_of(torch.tensor(3), convention).item() == pixel


@given(cell=st.integers(-10, 500), convention=st.sampled_from(["floor", "released"]))
def test_every_cell_survives_decoding_and_encoding(cell: int, convention: str) -> None:
    assert cell_of(pixel_of(torch.tensor(cell), convention), convention).item() == cell


@given(position=positions)
def test_ours_decodes_within_half_a_cell(position: float) -> None:
    assert abs(pixel_of(cell_of(torch.tensor(position), "floor"), "floor").item() - position) <= 2.0


def test_positions_that_are_no_number_lie_outside() -> None:
    cells = cell_of(torch.tensor([[math.nan, 0.0], [math.inf, 0.0], [0.0, -math.inf]]), "floor")
    assert not inside_map(cells, height=HEIGHT, width=WIDTH).any()


@given(x=positions, y=positions, labelled=st.booleans())
def test_a_target_has_one_pixel_or_none(x: float, y: float, labelled: bool) -> None:
    target = encode_affinity_map(torch.tensor([[x, y]]), torch.tensor([labelled]), height=HEIGHT, width=WIDTH)[0]
    if labelled and 0 <= x < 4 * WIDTH and 0 <= y < 4 * HEIGHT:
        assert target.sum() == 1
        assert target[int(y // 4), int(x // 4)] == 1
    else:
        assert not target.any()


def test_targets_keep_leading_dimensions() -> None:
    target = encode_affinity_map(torch.zeros(3, 17, 2), torch.ones(3, 17), height=HEIGHT, width=WIDTH)
    assert tuple(target.shape) == (3, 17, HEIGHT, WIDTH)
    assert torch.equal(target.sum(dim=(2, 3)), torch.ones(3, 17))


def test_peaks_are_cell_and_value() -> None:
    maps = torch.zeros(2, 1, HEIGHT, WIDTH)
    maps[0, 0, 3, 5], maps[1, 0, 0, 2] = 0.75, 0.5
    cells, value = peaks(maps)
    assert cells.tolist() == [[[5, 3]], [[2, 0]]]
    assert value.tolist() == [[0.75], [0.5]]


@given(x=st.floats(0, 4 * WIDTH, exclude_max=True, width=32), y=st.floats(0, 4 * HEIGHT, exclude_max=True, width=32))
def test_the_peak_of_a_target_is_where_the_keypoint_is(x: float, y: float) -> None:
    target = encode_affinity_map(torch.tensor([[x, y]]), torch.tensor([True]), height=HEIGHT, width=WIDTH)
    cells, _ = peaks(target)
    assert torch.equal(cells, cell_of(torch.tensor([[x, y]]), "floor"))


def test_every_pair_of_poses_is_sampled() -> None:
    maps = torch.rand(2, 3, HEIGHT, WIDTH)
    keypoints = torch.tensor(
        [[[0.0, 0.0], [5.0, 9.0], [23.9, 15.9]], [[-1.0, 3.0], [24.0, 0.0], [math.nan, 3.0]]],
    )
    values = sample(maps, keypoints)
    assert tuple(values.shape) == (2, 2, 3)
    for source in range(2):
        expected = maps[source, [0, 1, 2], [0, 2, 3], [0, 1, 5]].tolist()
        assert values[source, 0].tolist() == pytest.approx(expected)
    assert not values[:, 1].any(), "left of, right of and nowhere on the map"


def test_released_lookups_round_and_stay_inside_at_the_far_border() -> None:
    maps = torch.arange(HEIGHT * WIDTH).float().reshape(1, 1, HEIGHT, WIDTH)
    lookups = torch.tensor([[[6.0, 0.0]], [[23.0, 15.0]], [[-9.0, 0.0]]])
    assert sample(maps, lookups, "released")[0, :, 0].tolist() == [2.0, 23.0, 0.0]


def test_no_poses_give_no_values() -> None:
    assert tuple(sample(torch.rand(0, 17, 4, 4), torch.rand(5, 17, 2)).shape) == (0, 5, 17)
    assert tuple(sample(torch.rand(5, 17, 4, 4), torch.rand(0, 17, 2)).shape) == (5, 0, 17)


def test_a_gaussian_target_falls_off_around_the_keypoint() -> None:
    size = {"height": 5, "width": 5}
    target = encode_affinity_map(torch.tensor([10.0, 10.0]), torch.tensor(True), **size, sigma_cells=1.0)  # cell 2, 2
    assert target[2, 2] == 1
    assert target[2, 1].item() == target[3, 2].item() == pytest.approx(math.exp(-1 / 2))
    assert target[3, 3].item() == pytest.approx(math.exp(-1))


@pytest.mark.parametrize("convention", ["floor", "released"])
def test_a_gaussian_target_peaks_where_the_keypoint_lies_between_cells(convention: Convention) -> None:
    keypoints = torch.tensor([[9.0, 10.5], [8.2, 11.9]])
    size = {"height": 6, "width": 6, "convention": convention}
    maps = encode_affinity_map(keypoints, torch.ones(2, dtype=torch.bool), **size, sigma_cells=1.5).log()
    tops = pixel_of(fractional_peaks(maps, peaks(maps)[0]), convention)
    torch.testing.assert_close(tops, keypoints, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("pixel", "labelled"), [(9.0, False), (21.0, True)])
def test_a_gaussian_target_is_zero_without_a_keypoint(pixel: float, labelled: bool) -> None:
    position = torch.tensor([pixel, 9.0])
    assert not encode_affinity_map(position, torch.tensor(labelled), height=5, width=5, sigma_cells=1.0).any()


def gaussian_logarithms(x: float, y: float, *, height: int = 9, width: int = 12) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return -((columns - x) ** 2 + (rows - y) ** 2) / (2 * 1.5**2)


@pytest.mark.parametrize("xy", [(4.0, 5.0), (4.3, 5.4), (6.6, 2.8)])
def test_the_top_of_a_gaussian_is_found_between_cells(xy):
    maps = gaussian_logarithms(*xy)[None]
    torch.testing.assert_close(fractional_peaks(maps, peaks(maps)[0])[0], torch.tensor(xy), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("cell", "near"),
    [((4, 4), (5, 4)), ((5, 4), (5, 4)), ((2, 4), (3, 4)), ((0, 0), (1, 1)), ((11, 8), (10, 7)), ((9, 0), (8, 1))],
)
def test_the_largest_value_beside_a_cell_is_at_most_one_cell_away(cell, near):
    maps = gaussian_logarithms(5.0, 4.0)
    assert peaks_near(maps, torch.tensor(cell)).tolist() == list(near)


def test_a_cell_stays_where_no_neighbour_is_larger():
    cells = torch.tensor([[0, 0], [3, 3], [11, 8]])
    assert torch.equal(peaks_near(torch.zeros(3, 9, 12), cells), cells)


def test_a_peak_on_the_border_keeps_its_cell():
    maps = torch.stack([gaussian_logarithms(*xy) for xy in ((0.2, 4.3), (11.2, 3.0), (5.3, 8.3))])
    cells = peaks(maps)[0]
    assert (fractional_peaks(maps, cells) == cells).all()


def test_a_map_without_a_peak_keeps_the_first_cell_and_a_peak_alone_its_own():
    flat, alone = torch.zeros(9, 12), torch.full((9, 12), -torch.inf)
    alone[4, 7] = 0.0
    maps = torch.stack([flat, alone])
    assert fractional_peaks(maps, peaks(maps)[0]).tolist() == [[0.0, 0.0], [7.0, 4.0]]
