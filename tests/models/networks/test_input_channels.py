"""Amplified inputs change the layers that read them, and those channels only."""

import torch

from models.networks.correspondence import RefinementNetwork
from models.networks.input_channels import amplify_inputs, input_layers


def test_only_the_maps_weights_are_multiplied():
    torch.manual_seed(0)
    network = RefinementNetwork(width=0.125)
    before = [layer.weight.detach().clone() for layer in input_layers(network.decoder)]
    amplify_inputs(network.decoder, slice(64, None), 50.0)
    assert len(before) == 4
    for layer, weight in zip(input_layers(network.decoder), before, strict=True):
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
