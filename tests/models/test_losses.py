import math

import pytest
import torch

from models.losses import (
    heatmap_loss,
    identity_loss,
    offset_loss,
    refinement_loss,
    siamese_loss,
    softmax_loss,
    triplet_loss,
)

LABELLED = torch.tensor([[True]])


def one_map(values: list[list[float]]) -> torch.Tensor:
    return torch.tensor(values)[None, None]


TARGET = one_map([[1.0, 0.0], [0.0, 0.0]])
EMPTY = torch.zeros(1, 1, 2, 2)


def test_siamese_loss_is_equation_4_without_its_misprint() -> None:
    maps = one_map([[0.7, 0.1], [0.2, 0.0]])
    expected = -(math.log(0.7) + math.log(0.9) + math.log(0.8) + math.log(1.0))
    assert siamese_loss(maps, TARGET, LABELLED).item() == pytest.approx(expected, rel=1e-5)


def test_predicting_a_keypoint_that_left_the_picture_is_penalised() -> None:
    assert siamese_loss(one_map([[0.9, 0.0], [0.1, 0.0]]), EMPTY, LABELLED) > siamese_loss(
        torch.full((1, 1, 2, 2), 0.25), EMPTY, LABELLED
    )


@pytest.mark.parametrize("at_target", [0.0, 1.0])
def test_maps_of_zeros_and_ones_give_finite_losses_and_gradients(at_target: float) -> None:
    maps = one_map([[at_target, 1 - at_target], [0.0, 0.0]]).requires_grad_()
    loss = siamese_loss(maps, TARGET, LABELLED)
    loss.backward()
    assert loss.isfinite()
    assert maps.grad.isfinite().all()


def test_refinement_loss_sums_over_pixels_and_averages_over_labelled_keypoints() -> None:
    logits = torch.zeros(2, 3, 4, 4)
    labelled = torch.tensor([[True, False, True], [False, False, True]])
    loss = refinement_loss(logits, torch.zeros_like(logits), labelled)
    assert loss.item() == pytest.approx(16 * math.log(2))


def test_refinement_loss_weighs_the_target_pixel() -> None:
    logits = torch.zeros(1, 1, 2, 2)
    assert refinement_loss(logits, TARGET, LABELLED, positive_weight=5.0).item() == pytest.approx(8 * math.log(2))


def test_the_softmax_loss_asks_only_for_keypoints_that_are_shown() -> None:
    affinities = one_map([[math.log(5), 0.0], [0.0, 0.0]])
    both = torch.cat([affinities, 100 * affinities], dim=1).flatten(2)
    assert softmax_loss(both, torch.tensor([[0, -1]])).item() == pytest.approx(math.log(8 / 5))


def test_cells_of_other_pictures_are_wrong_answers_too() -> None:
    affinities = torch.tensor([[[math.log(5), 0.0, math.log(4)]]])
    single = softmax_loss(affinities[..., :2], torch.tensor([[0]]))
    assert single.item() == pytest.approx(math.log(6 / 5))
    assert softmax_loss(affinities, torch.tensor([[0]])).item() == pytest.approx(math.log(10 / 5))


def test_unlabelled_keypoints_change_nothing() -> None:
    logits, targets, labelled = torch.randn(2, 3, 4, 4), torch.rand(2, 3, 4, 4), torch.tensor([[True, False, True]] * 2)
    changed = logits.clone()
    changed[:, 1] = 1e4
    shares, other_shares = logits.sigmoid(), changed.sigmoid()
    assert heatmap_loss(logits, targets, labelled) == heatmap_loss(changed, targets, labelled)
    assert refinement_loss(logits, targets, labelled) == refinement_loss(changed, targets, labelled)
    assert siamese_loss(shares, targets, labelled) == siamese_loss(other_shares, targets, labelled)


def test_offset_loss_is_the_mean_distance_per_axis_where_defined() -> None:
    offsets, targets = torch.zeros(1, 2, 1, 2), torch.tensor([3.0, 100.0, 5.0, 100.0]).reshape(1, 2, 1, 2)
    defined = torch.tensor([True, False]).reshape(1, 1, 1, 2)
    assert offset_loss(offsets, targets, defined).item() == 4.0


def test_x_and_y_offsets_share_their_keypoints_mask() -> None:
    offsets, defined = torch.zeros(1, 4, 1, 1), torch.tensor([True, False]).reshape(1, 2, 1, 1)
    targets = torch.tensor([1.0, 50.0, 2.0, 60.0]).reshape(1, 4, 1, 1)
    assert offset_loss(offsets, targets, defined).item() == 1.5


def test_nothing_labelled_gives_zero_and_no_nan() -> None:
    maps, nothing = torch.rand(1, 1, 2, 2, requires_grad=True), torch.tensor([[False]])
    losses = [
        heatmap_loss(maps, EMPTY, nothing),
        siamese_loss(maps, EMPTY, nothing),
        softmax_loss(maps.flatten(2), torch.tensor([[-1]])),
        refinement_loss(maps, EMPTY, nothing),
        offset_loss(torch.rand(1, 2, 1, 1), torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1, 1, dtype=torch.bool)),
    ]
    assert [loss.item() for loss in losses] == [0.0] * 5
    sum(losses).backward()
    assert maps.grad.isfinite().all()


def test_triplet_loss_takes_the_farthest_positive_and_the_nearest_negative() -> None:
    embeddings = torch.tensor([[0.0], [1.0], [3.0], [5.0]])
    identities = torch.tensor([0, 0, 0, 1])
    # Distances of positive and negative: anchor 0: 3, 5; anchor 1: 2, 4; anchor 2: 3, 2; anchor 3 has no positive.
    expected = (0 + 0 + (3 - 2 + 0.5)) / 3
    assert triplet_loss(embeddings, identities, margin=0.5).item() == pytest.approx(expected)


@pytest.mark.parametrize("identities", [[0, 1, 2], [0, 0, 0]], ids=["no positives", "no negatives"])
def test_triplet_loss_without_usable_anchors_is_zero_with_finite_gradients(identities: list[int]) -> None:
    embeddings = torch.ones(3, 2, requires_grad=True)
    loss = triplet_loss(embeddings, torch.tensor(identities), margin=0.3)
    loss.backward()
    assert loss.item() == 0
    assert embeddings.grad.isfinite().all()


def test_identity_loss_smooths_its_labels() -> None:
    logits = torch.tensor([[0.0, 0.0]])
    certain = torch.tensor([[50.0, -50.0]])
    identity = torch.tensor([0])
    assert identity_loss(logits, identity, label_smoothing=0.1).item() == pytest.approx(math.log(2))
    assert identity_loss(certain, identity, label_smoothing=0.0).item() == pytest.approx(0.0)
    assert identity_loss(certain, identity, label_smoothing=0.1).item() == pytest.approx(5.0)
