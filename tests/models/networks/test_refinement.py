"""The refinement network: the weights that read the maps S, and the residual that adds log S to the logits."""

import pytest
import torch

from models.networks.correspondence import (
    PRIOR_LOGIT,
    CorrespondenceNetwork,
    RefinementNetwork,
    SiameseNetwork,
    load_correspondence,
)
from models.weight_files import WeightsError, save_weights


def refinement(*, residual: bool, scale_maps: bool = False) -> RefinementNetwork:
    torch.manual_seed(0)
    return RefinementNetwork(width=0.125, residual=residual, scale_maps=scale_maps)


def frames_and_maps() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(1)
    first, second = torch.randn(2, 1, 32, 32, 32, generator=drawn)
    maps = torch.randn(3, 17, 32 * 32, generator=drawn).softmax(dim=-1).unflatten(2, (32, 32))
    return first, second, maps


def test_only_the_maps_weights_are_multiplied():
    network = refinement(residual=False)
    before = [layer.weight.detach().clone() for layer in network.decoder.input_convolutions()]
    network.amplify_maps(50.0)
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
        network = refinement(residual=False).train()
        network.amplify_maps(gain)
        with torch.no_grad():
            outputs = [network(features, features, seen) for seen in (maps, moved)]
        change[gain] = float((outputs[0] - outputs[1]).std() / outputs[0].std())
    assert change[1.0] < 0.1
    assert change[5000.0] > 0.5


@pytest.mark.parametrize("gain", [1.0, 0.4])
def test_the_residual_adds_the_logarithm_of_s_times_its_gain(gain):
    plain, network, inputs = refinement(residual=False).eval(), refinement(residual=True).eval(), frames_and_maps()
    with torch.inference_mode():
        network.residual_gain.fill_(gain)
        added = network(*inputs) - (plain(*inputs) - PRIOR_LOGIT)
    torch.testing.assert_close(added, gain * inputs[2].log(), atol=1e-4, rtol=1e-4)


def test_scaled_maps_are_read_as_multiples_of_a_uniform_map():
    first, second, maps = frames_and_maps()
    plain, scaled = refinement(residual=False).eval(), refinement(residual=False, scale_maps=True).eval()
    with torch.inference_mode():
        torch.testing.assert_close(scaled(first, second, maps), plain(first, second, maps * 32 * 32))
        uniform = torch.full_like(maps, 1 / 32**2)
        torch.testing.assert_close(scaled(first, second, uniform), plain(first, second, torch.ones_like(maps)))


def test_the_residual_of_scaled_maps_is_the_logarithm_of_s_itself():
    inputs = frames_and_maps()
    plain, network = refinement(residual=False, scale_maps=True), refinement(residual=True, scale_maps=True)
    with torch.inference_mode():
        added = network.eval()(*inputs) - (plain.eval()(*inputs) - PRIOR_LOGIT)
    torch.testing.assert_close(added, inputs[2].log(), atol=1e-4, rtol=1e-4)


def test_the_gain_is_learned_and_a_keypoint_without_a_query_has_finite_logits():
    network, (first, second, maps) = refinement(residual=True).train(), frames_and_maps()
    maps[0, 5] = 0.0
    logits = network(first, second, maps)
    assert logits.isfinite().all()
    logits.square().mean().backward()
    assert network.residual_gain.grad.abs() > 0


def written(path, network: CorrespondenceNetwork, **changes):
    architecture = network.architecture | changes
    save_weights(path, network, kind="correspondence", architecture=architecture, params={}, half_precision=True)
    return path


def test_a_weight_file_keeps_the_residual_and_its_gain(tmp_path):
    network = CorrespondenceNetwork(SiameseNetwork(width=0.0625), RefinementNetwork(width=0.0625, residual=True))
    network.refinement.residual_gain.data.fill_(0.75)
    loaded = load_correspondence(written(tmp_path / "correspondence.safetensors", network))
    assert loaded.refinement.residual_gain.item() == 0.75
    assert loaded.architecture == network.architecture


def test_a_weight_file_says_whether_maps_are_scaled(tmp_path):
    for scale_maps in (True, False):
        refining = RefinementNetwork(width=0.0625, scale_maps=scale_maps)
        network = CorrespondenceNetwork(SiameseNetwork(width=0.0625), refining)
        loaded = load_correspondence(written(tmp_path / "correspondence.safetensors", network))
        assert loaded.refinement.scale_maps == scale_maps
        assert ("scale_maps" in refining.architecture) == scale_maps


def test_a_weight_file_without_a_residual_gives_a_network_without():
    assert RefinementNetwork(width=0.0625, feature_channels=32).residual_gain is None
    assert "residual" not in refinement(residual=False).architecture


@pytest.mark.parametrize("residual", [True, False])
def test_a_gain_that_is_missing_or_too_many_is_refused(tmp_path, residual):
    network = CorrespondenceNetwork(SiameseNetwork(width=0.0625), RefinementNetwork(width=0.0625, residual=residual))
    other = RefinementNetwork(width=0.0625, residual=not residual).architecture
    with pytest.raises(WeightsError, match="residual_gain"):
        load_correspondence(written(tmp_path / "correspondence.safetensors", network, refinement=other))
