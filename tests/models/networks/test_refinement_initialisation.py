"""First weights of the refinement: maps pass through to their outputs before any training."""

import pytest
import torch

from models.fields.affinity_map import peaks
from models.keypoints import BODY
from models.networks.correspondence import FEATURE_CHANNELS, RefinementNetwork
from models.networks.refinement_initialisation import amplify_inputs, initialise_pass_through

FIRST_MAP = 2 * FEATURE_CHANNELS


def pass_through(width: float) -> tuple[RefinementNetwork, int]:
    torch.manual_seed(0)
    network = RefinementNetwork(width=width)
    amplify_inputs(network.decoder, slice(FIRST_MAP, None), 5000.0)
    return network, initialise_pass_through(network.decoder, FIRST_MAP)


def one_peak(cells: torch.Tensor, heights: torch.Tensor | float = 0.3, *, size: int = 32) -> torch.Tensor:
    """Maps (B,17,size,size) of shares with one peak each, at the cells (B,17,2) as x, y."""
    maps = torch.zeros(*cells.shape[:2], size * size)
    peak = torch.as_tensor(heights).expand(cells.shape[:2])[..., None]
    return maps.scatter(2, (cells[..., 1:] * size + cells[..., :1]), peak).unflatten(2, (size, size))


@pytest.mark.parametrize(("width", "passed"), [(0.125, 6), (0.25, 15), (0.5, 15), (1.0, 15)])
def test_as_many_maps_pass_through_as_the_channels_allow(width, passed):
    assert pass_through(width)[1] == passed


def test_peaks_stay_in_their_channels_and_nearly_always_in_their_cells():
    """Each channel is normalised by its own statistics, so that the parts of a peak may weigh a little differently."""
    network, passed = pass_through(0.25)
    keypoints = BODY[:passed]
    cells = torch.randint(2, 30, (64, 17, 2), generator=torch.Generator().manual_seed(1))
    features = torch.randn(2, 64, FEATURE_CHANNELS, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        cells_of_peaks, _ = peaks(network.train()(*features, one_peak(cells)))
    moved = (cells_of_peaks - cells)[:, keypoints].abs().amax(dim=-1)
    assert moved.max() <= 1
    assert (moved == 0).float().mean() > 0.99


def test_peaks_of_poor_matches_are_not_lost_among_thirty_times_higher_ones():
    network, passed = pass_through(0.25)
    cells = torch.randint(2, 30, (64, 17, 2), generator=torch.Generator().manual_seed(1))
    features = torch.randn(2, 64, FEATURE_CHANNELS, 32, 32, generator=torch.Generator().manual_seed(2))
    poor = torch.rand(64, 17, generator=torch.Generator().manual_seed(3)) < 0.5
    maps = one_peak(cells, torch.where(poor, 0.01, 0.3))
    with torch.inference_mode():
        cells_of_peaks, _ = peaks(network.train()(*features, maps))
    near = (cells_of_peaks - cells).abs().amax(dim=-1) <= 1
    assert near[:, BODY[:passed]][poor[:, BODY[:passed]]].float().mean() > 0.95


def test_the_network_has_the_same_parameters_as_without():
    network, _ = pass_through(0.25)
    plain = RefinementNetwork(width=0.25).state_dict()
    assert {name: tensor.shape for name, tensor in network.state_dict().items()} == {
        name: tensor.shape for name, tensor in plain.items()
    }


def test_every_weight_can_be_learned():
    network, _ = pass_through(0.25)
    cells = torch.randint(2, 30, (4, 17, 2), generator=torch.Generator().manual_seed(1))
    features = torch.randn(2, 4, FEATURE_CHANNELS, 32, 32, generator=torch.Generator().manual_seed(2))
    network.train()(*features, one_peak(cells)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


@pytest.mark.parametrize("without", [slice(0, 0), slice(5, 12)])
def test_gradients_have_bounds_where_maps_are_empty(without):
    """Some phases of few sharp peaks, or all of a keypoint that nobody has, are constant but for residual noise."""
    network, _ = pass_through(0.25)
    cells = torch.randint(2, 30, (4, 17, 2), generator=torch.Generator().manual_seed(1))
    features = torch.randn(2, 4, FEATURE_CHANNELS, 32, 32, generator=torch.Generator().manual_seed(2))
    maps = one_peak(cells)
    maps[:, without] = 0.0
    network.train()(*features, maps)[:, 12:].square().mean().backward()
    assert all(parameter.grad.norm() < 1e3 for parameter in network.parameters())


def test_only_the_maps_weights_are_multiplied():
    torch.manual_seed(0)
    network = RefinementNetwork(width=0.125)
    before = [layer.weight.detach().clone() for layer in network.decoder.input_convolutions()]
    amplify_inputs(network.decoder, slice(64, None), 50.0)
    assert len(before) == 4
    for layer, weight in zip(network.decoder.input_convolutions(), before, strict=True):
        assert layer.weight.shape[1] == 81
        assert torch.equal(layer.weight[:, :64], weight[:, :64])
        assert torch.equal(layer.weight[:, 64:], weight[:, 64:] * 50.0)


def test_without_gain_faint_maps_are_drowned_by_the_features_and_with_it_they_decide():
    torch.manual_seed(0)
    features, maps = torch.randn(2, 32, 32, 32), torch.zeros(2, 17, 32, 32)
    moved = maps.clone()
    maps[:, :, 4, 4], moved[:, :, 28, 28] = 0.05, 0.05
    change = {}
    for gain in (1.0, 5000.0):
        torch.manual_seed(0)
        network = RefinementNetwork(width=0.125).train()
        amplify_inputs(network.decoder, slice(64, None), gain)
        with torch.no_grad():
            outputs = [network(features, features, seen) for seen in (maps, moved)]
        change[gain] = float((outputs[0] - outputs[1]).std() / outputs[0].std())
    assert change[1.0] < 0.1
    assert change[5000.0] > 0.5
