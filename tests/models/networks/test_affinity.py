"""Batched affinity maps against plain loops that follow the paper word by word."""

import math

import pytest
import torch
from torch import Tensor

from models.fields.affinity_map import inside_map
from models.networks.correspondence import (
    CorrespondenceNetwork,
    RefinementNetwork,
    SiameseNetwork,
    correlate,
    extract_descriptors,
    normalise,
)

HEIGHT, WIDTH, CHANNELS = 5, 7, 4


def oracle_vector(features: Tensor, row: int, column: int, norm: str) -> list[float]:
    """Normalised feature vector of one cell; zeros beyond the border."""
    if not (0 <= row < features.shape[1] and 0 <= column < features.shape[2]):
        return [0.0] * features.shape[0]
    vector = features[:, row, column].tolist()
    squared = sum(value * value for value in vector)
    length = math.sqrt(squared) if norm == "l2" else squared
    return [value / length for value in vector]


def oracle_map(source: Tensor, target: Tensor, query: tuple[int, int], norm: str) -> list[list[float]]:
    """S_j^p of one keypoint by equations 1 and 2: loops over target cells, the 3x3 patch and channels."""
    height, width = target.shape[1:]
    if not (0 <= query[0] < height and 0 <= query[1] < width):
        return [[0.0] * width for _ in range(height)]
    patch = {
        (dy, dx): oracle_vector(source, query[0] + dy, query[1] + dx, norm) for dy in (-1, 0, 1) for dx in (-1, 0, 1)
    }
    exponentials = []
    for row in range(height):
        for column in range(width):
            affinity = 0.0
            for (dy, dx), ours in patch.items():
                theirs = oracle_vector(target, row + dy, column + dx, norm)
                affinity += sum(a * b for a, b in zip(ours, theirs, strict=True))
            exponentials.append(math.exp(affinity))
    total = sum(exponentials)
    return [[exponentials[row * width + column] / total for column in range(width)] for row in range(height)]


def drawn_features(count: int, seed: int) -> Tensor:
    return torch.randn(count, CHANNELS, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed)).double() + 0.3


QUERIES = [
    (2, 3),
    *((0, 0), (0, WIDTH - 1), (HEIGHT - 1, 0), (HEIGHT - 1, WIDTH - 1)),
    *((0, 3), (HEIGHT - 1, 3), (2, 0), (2, WIDTH - 1)),
    *((-1, 3), (2, -1), (HEIGHT, 3), (2, WIDTH), (-50, 2), (2, 1000), (HEIGHT, WIDTH), (-1, -1)),
]
"""One inside, corners, borders, and outside on every side: 17 queries."""


@pytest.fixture(params=["l2", "squared"])
def network(request: pytest.FixtureRequest) -> CorrespondenceNetwork:
    return CorrespondenceNetwork(SiameseNetwork(width=0.125), None, norm=request.param)


def assert_equal_to_the_oracle(network: CorrespondenceNetwork, source: Tensor, target: Tensor, queries: Tensor) -> None:
    maps = network.affinity_maps(source, target, queries)
    for person, person_queries in enumerate(queries.tolist()):
        for keypoint, query in enumerate(person_queries):
            expected = oracle_map(
                source[person % len(source)], target[person % len(target)], tuple(query), network.norm
            )
            torch.testing.assert_close(
                maps[person, keypoint].double(), torch.tensor(expected).double(), rtol=1e-4, atol=1e-6
            )


def test_borders_corners_and_outside_queries_of_one_frame_pair(network: CorrespondenceNetwork) -> None:
    assert_equal_to_the_oracle(network, drawn_features(1, 1), drawn_features(1, 2), torch.tensor([QUERIES]))


def test_several_persons_share_one_frame_pair(network: CorrespondenceNetwork) -> None:
    queries = torch.tensor([QUERIES, QUERIES[::-1], [(1, 1)] * 17])
    assert_equal_to_the_oracle(network, drawn_features(1, 3), drawn_features(1, 4), queries)


def test_every_person_has_his_own_frame_pair(network: CorrespondenceNetwork) -> None:
    queries = torch.tensor([QUERIES, QUERIES[::-1]])
    assert_equal_to_the_oracle(network, drawn_features(2, 5), drawn_features(2, 6), queries)


def test_many_source_frames_meet_one_target_frame(network: CorrespondenceNetwork) -> None:
    queries = torch.tensor([QUERIES, QUERIES])
    assert_equal_to_the_oracle(network, drawn_features(2, 7), drawn_features(1, 8), queries)
    assert_equal_to_the_oracle(network, drawn_features(1, 7), drawn_features(2, 8), queries)


def test_refinement_of_all_persons_at_once_is_that_of_each_alone() -> None:
    network = CorrespondenceNetwork(SiameseNetwork(width=0.125), RefinementNetwork(width=0.125)).eval()
    features = network.features(torch.rand(2, 3, 64, 64))
    queries = torch.rand(3, 17, 2) * 20 - 2
    with torch.no_grad():
        maps, logits = network.affinity(features[:1], features[1:], queries)
        single = [network.affinity(features[:1], features[1:], queries[person : person + 1]) for person in range(3)]
        stacked = torch.cat([features[:1].expand(3, -1, -1, -1), features[1:].expand(3, -1, -1, -1), maps], dim=1)
        torch.testing.assert_close(network.refinement.decoder(stacked), logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.cat([each[0] for each in single]), maps)
    torch.testing.assert_close(torch.cat([each[1] for each in single]), logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("cells", "position", "cell"),
    [
        ("floor", 2.0, 2),
        ("floor", 2.999, 2),
        ("floor", -0.5, None),
        ("floor", 4.999, 4),
        ("floor", 5.0, None),
        ("floor", math.nan, None),
        ("floor", math.inf, None),
        ("released", 2.999, 2),
        ("released", -0.5, 0),
        ("released", -1.0, None),
        ("released", 4.999, 4),
        ("released", 5.0, None),
        ("released", math.nan, None),
    ],
)
def test_which_cell_a_query_between_cells_asks_for(cells: str, position: float, cell: int | None) -> None:
    """Height is 5 cells; None means outside, hence an all-zero map."""
    network = CorrespondenceNetwork(SiameseNetwork(width=0.125), None, cells=cells)
    source, target = drawn_features(1, 9), drawn_features(1, 10)
    queries = torch.tensor([position, 3.0]).expand(1, 17, 2)
    maps = network.affinity_maps(source, target, queries)
    if cell is None:
        assert not maps.any()
    else:
        whole = torch.tensor([cell, 3]).expand(1, 17, 2)
        assert torch.equal(maps, network.affinity_maps(source, target, whole))


def test_a_feature_vector_of_zeros_gives_finite_maps(network: CorrespondenceNetwork) -> None:
    maps = network.affinity_maps(torch.zeros(1, 4, 5, 7), drawn_features(1, 11).float(), torch.zeros(1, 17, 2))
    torch.testing.assert_close(maps, torch.full((1, 17, 5, 7), 1 / 35))


def test_maps_to_train_on_are_those_of_inference_and_hidden_queries_give_no_gradient(
    network: CorrespondenceNetwork,
) -> None:
    source, target = drawn_features(1, 14).float().requires_grad_(), drawn_features(1, 15).float().requires_grad_()
    queries = torch.tensor([QUERIES])
    maps = network.affinity_maps(source, target, queries)
    with torch.inference_mode():
        assert torch.equal(network.affinity_maps(source, target, queries), maps)
    hidden = ~inside_map(queries.flip(-1), height=HEIGHT, width=WIDTH)
    for gradient in torch.autograd.grad(maps[hidden].square().sum(), [source, target], retain_graph=True):
        assert not gradient.any()
    for gradient in torch.autograd.grad(maps.square().sum(), [source, target]):
        assert gradient.isfinite().all()
        assert gradient.any()


def test_a_feature_vector_of_zeros_has_a_finite_gradient(network: CorrespondenceNetwork) -> None:
    features = torch.zeros(1, 4, 5, 7, requires_grad=True)
    network.affinity_maps(features, features, torch.zeros(1, 17, 2)).square().sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


@pytest.mark.parametrize(("norm", "length"), [("l2", 1.0), ("squared", 1 / 5)])
def test_lengths_after_normalisation(norm: str, length: float) -> None:
    features = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)
    assert normalise(features, norm).norm().item() == pytest.approx(length)


def test_forty_persons_meet_one_frame_in_one_convolution() -> None:
    source, target = drawn_features(1, 12), drawn_features(1, 13)
    descriptors = extract_descriptors(source, torch.zeros(40, 17, 2, dtype=torch.long))
    assert tuple(descriptors.shape) == (40, 17, CHANNELS, 3, 3)
    assert tuple(correlate(descriptors, target).shape) == (40, 17, HEIGHT, WIDTH)


def test_a_network_without_refinement_says_so() -> None:
    network = CorrespondenceNetwork(SiameseNetwork(width=0.125), None)
    with pytest.raises(ValueError, match="no refinement"):
        network.affinity(drawn_features(1, 1), drawn_features(1, 2), torch.zeros(1, 17, 2))


def test_half_precision_features_still_give_maps_that_sum_to_one() -> None:
    network = CorrespondenceNetwork(SiameseNetwork(width=0.125), None)
    features = torch.randn(2, 32, 64, 64, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = network.affinity_maps(features[:1], features[1:], torch.full((1, 17, 2), 30))
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps.sum(dim=(2, 3)), torch.ones(1, 17))
