"""Each network learns one batch by heart: losses, encodings and initialisation fit together."""

import pytest
import torch
from torch import Tensor, nn

from models.fields.affinity_map import cell_of, encode_affinity_map, peaks
from models.fields.heatmap import decode_heatmap, encode_heatmap
from models.fields.offset_map import encode_offset_map
from models.losses import (
    heatmap_loss,
    identity_loss,
    offset_loss,
    refinement_loss,
    siamese_loss,
    softmax_loss,
    triplet_loss,
)
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.networks.pose import PoseNetwork
from models.networks.reid import ReidNetwork

SIDE = 64
PERSONS = 2
SHIFT = (8, -12)
"""Rows and columns by which the second picture of the pair is moved, pixels."""


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def picture(count: int) -> Tensor:
    """Smooth random pictures, whose patches are all different."""
    noise = torch.rand(count, 3, SIDE // 8, SIDE // 8)
    return nn.functional.interpolate(noise, size=(SIDE, SIDE), mode="bicubic").clamp(0, 1)


def fit(parameters: list[nn.Parameter], steps: int, loss_of_step) -> list[float]:
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of_step()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_the_pose_network_learns_a_batch_to_within_a_pixel() -> None:
    network = PoseNetwork(width=0.125, stages=2)
    images, size = picture(3), {"height": SIDE, "width": SIDE}
    keypoints, visibility = torch.rand(3, 17, 2) * SIDE, torch.ones(3, 17)
    visibility[0, 5] = 0
    heatmaps = encode_heatmap(keypoints, visibility, **size, sigma_px=4.0)
    offsets, defined = encode_offset_map(keypoints, visibility, **size, radius_px=6.0)

    def loss_of_step() -> Tensor:
        return sum(
            heatmap_loss(stage[:, :17], heatmaps, visibility > 0) + 0.1 * offset_loss(stage[:, 17:], offsets, defined)
            for stage in network(images)
        )

    losses = fit(list(network.parameters()), 60, loss_of_step)
    with torch.no_grad():
        for stage in network(images):
            xy, _ = decode_heatmap(stage[:, :17].sigmoid(), stage[:, 17:])
            error = (xy - keypoints).norm(dim=2)[visibility > 0]
            assert error.median() < 1.0
            assert (error < 4).float().mean() > 0.9
    assert losses[-1] < losses[0] / 4


@pytest.fixture
def pair() -> dict[str, Tensor]:
    """A picture, the same moved by SHIFT, queries of two persons, and one-pixel targets."""
    source = picture(1)
    keypoints = torch.rand(PERSONS, 17, 2) * SIDE
    moved = keypoints + torch.tensor([SHIFT[1], SHIFT[0]])
    cells = {"height": SIDE // 4, "width": SIDE // 4}
    return {
        "images": torch.cat([source, source.roll(SHIFT, dims=(2, 3))]),
        "queries": cell_of(keypoints, "floor").flip(-1),
        "targets": encode_affinity_map(moved, torch.ones(PERSONS, 17), **cells),
        "labelled": torch.ones(PERSONS, 17, dtype=torch.bool),
    }


def mean_peak(maps: Tensor, targets: Tensor) -> float:
    """Mean value of the maps at their targets, over the keypoints that are still in the picture."""
    return (maps * targets).sum().item() / targets.sum().item()


@pytest.mark.parametrize("loss", ["binary", "softmax"])
def test_the_siamese_network_learns_a_pair_until_its_peaks_exceed_a_third(pair: dict[str, Tensor], loss: str) -> None:
    network = CorrespondenceNetwork(SiameseNetwork(width=0.125), None)

    def loss_of_step() -> Tensor:
        features = network.features(pair["images"])
        if loss == "softmax":
            affinities, _ = network.affinities(features[:1], features[1:], pair["queries"])
            target, nowhere = pair["targets"].flatten(2), torch.tensor(-1)
            return softmax_loss(affinities.flatten(2), torch.where(target.any(2), target.argmax(2), nowhere))
        maps = network.affinity_maps(features[:1], features[1:], pair["queries"])
        return siamese_loss(maps, pair["targets"], pair["labelled"])

    losses = fit(list(network.parameters()), 30, loss_of_step)
    with torch.no_grad():
        features = network.features(pair["images"])
        maps = network.affinity_maps(features[:1], features[1:], pair["queries"])
    shown = pair["targets"].flatten(2).any(dim=2)
    assert losses[-1] < losses[0]
    assert torch.equal(peaks(maps)[0][shown], peaks(pair["targets"])[0][shown])
    assert mean_peak(maps, pair["targets"]) > 0.3


def test_the_refinement_learns_a_pair_behind_a_frozen_siamese_network(pair: dict[str, Tensor]) -> None:
    network = CorrespondenceNetwork(SiameseNetwork(width=0.125), RefinementNetwork(width=0.125))
    network.siamese.requires_grad_(False).eval()
    before = [parameter.clone() for parameter in network.siamese.parameters()]
    features = network.features(pair["images"])

    def loss_of_step() -> Tensor:
        _, logits = network.affinity(features[:1], features[1:], pair["queries"])
        return refinement_loss(logits, pair["targets"], pair["labelled"])

    fit(list(network.refinement.parameters()), 30, loss_of_step)
    with torch.no_grad():
        _, logits = network.affinity(features[:1], features[1:], pair["queries"])
    shown = pair["targets"].flatten(2).any(dim=2)
    _, peak = peaks(logits.sigmoid())
    assert mean_peak(logits.sigmoid(), pair["targets"]) > 0.3
    assert peak[~shown].mean() < 0.3, "keypoints that left the picture are nowhere"
    assert all(map(torch.equal, network.siamese.parameters(), before))


def test_the_reid_network_learns_who_is_who() -> None:
    network = ReidNetwork(width=0.125, embedding=16, identities=3)
    persons = picture(3)
    images = (persons.repeat_interleave(3, dim=0) + 0.1 * torch.randn(9, 3, SIDE, SIDE)).clamp(0, 1)
    identities = torch.arange(3).repeat_interleave(3)

    def loss_of_step() -> Tensor:
        features, logits = network(images)
        return identity_loss(logits, identities, label_smoothing=0.1) + triplet_loss(features, identities, margin=0.3)

    fit(list(network.parameters()), 20, loss_of_step)
    with torch.no_grad():
        embeddings = network.embed(images)
    similarity = embeddings @ embeddings.T
    same = identities[:, None] == identities[None, :]
    assert similarity[same].min() > similarity[~same].max()
