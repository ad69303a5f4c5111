"""Before any training, the refined maps of a network with lanes peak where the affinity maps do."""

import pytest
import torch

from models.fields.affinity_map import peaks
from models.keypoints import BODY
from models.networks.correspondence import FEATURE_CHANNELS, RefinementNetwork
from models.networks.input_channels import amplify_inputs
from models.networks.pass_through import lay_lanes

FIRST_MAP = 2 * FEATURE_CHANNELS


def laid(width: float) -> tuple[RefinementNetwork, int]:
    torch.manual_seed(0)
    network = RefinementNetwork(width=width)
    amplify_inputs(network.decoder, slice(FIRST_MAP, None), 5000.0)
    return network, lay_lanes(network.decoder, FIRST_MAP)


def one_peak(places: torch.Tensor, heights: torch.Tensor | float = 0.3, *, size: int = 32) -> torch.Tensor:
    """Maps (B,17,size,size) of shares with one peak each, at the cells (B,17,2) as x, y."""
    maps = torch.zeros(*places.shape[:2], size * size)
    peak = torch.as_tensor(heights).expand(places.shape[:2])[..., None]
    return maps.scatter(2, (places[..., 1:] * size + places[..., :1]), peak).unflatten(2, (size, size))


@pytest.mark.parametrize(("width", "carried"), [(0.125, 6), (0.25, 15), (0.5, 15), (1.0, 15)])
def test_as_many_maps_have_a_lane_as_there_is_room_for(width, carried):
    assert laid(width)[1] == carried


def test_peaks_stay_in_their_channels_and_nearly_always_in_their_cells():
    """Each channel is normalised by its own statistics, so that the parts of a peak may weigh a little differently."""
    network, carried = laid(0.25)
    slots = BODY[:carried]
    places = torch.randint(2, 30, (64, 17, 2), generator=torch.Generator().manual_seed(1))
    features = torch.randn(2, 64, FEATURE_CHANNELS, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        found, _ = peaks(network.train()(*features, one_peak(places)))
    moved = (found - places)[:, slots].abs().amax(dim=-1)
    assert moved.max() <= 1
    assert (moved == 0).float().mean() > 0.99


def test_peaks_of_poor_matches_are_not_lost_among_thirty_times_higher_ones():
    network, carried = laid(0.25)
    places = torch.randint(2, 30, (64, 17, 2), generator=torch.Generator().manual_seed(1))
    features = torch.randn(2, 64, FEATURE_CHANNELS, 32, 32, generator=torch.Generator().manual_seed(2))
    poor = torch.rand(64, 17, generator=torch.Generator().manual_seed(3)) < 0.5
    maps = one_peak(places, torch.where(poor, 0.01, 0.3))
    with torch.inference_mode():
        found, _ = peaks(network.train()(*features, maps))
    near = (found - places).abs().amax(dim=-1) <= 1
    assert near[:, BODY[:carried]][poor[:, BODY[:carried]]].float().mean() > 0.95


def test_the_network_has_the_same_parameters_as_without():
    network, _ = laid(0.25)
    plain = RefinementNetwork(width=0.25).state_dict()
    assert {name: tensor.shape for name, tensor in network.state_dict().items()} == {
        name: tensor.shape for name, tensor in plain.items()
    }


def test_every_weight_can_be_learned():
    network, _ = laid(0.25)
    places = torch.randint(2, 30, (4, 17, 2), generator=torch.Generator().manual_seed(1))
    features = torch.randn(2, 4, FEATURE_CHANNELS, 32, 32, generator=torch.Generator().manual_seed(2))
    network.train()(*features, one_peak(places)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


@pytest.mark.parametrize("without", [slice(0, 0), slice(5, 12)])
def test_gradients_have_bounds_where_lanes_are_shown_nothing(without):
    """Some phases of few sharp peaks, or all of a keypoint that nobody has, are constant but for a hum."""
    network, _ = laid(0.25)
    places = torch.randint(2, 30, (4, 17, 2), generator=torch.Generator().manual_seed(1))
    features = torch.randn(2, 4, FEATURE_CHANNELS, 32, 32, generator=torch.Generator().manual_seed(2))
    maps = one_peak(places)
    maps[:, without] = 0.0
    network.train()(*features, maps)[:, 12:].square().mean().backward()
    assert all(parameter.grad.norm() < 1e3 for parameter in network.parameters())
