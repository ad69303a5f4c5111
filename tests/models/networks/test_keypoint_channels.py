"""From COCO's keypoints to PoseTrack's: only channels that change their meaning are touched."""

import pytest
import torch

from models.networks.keypoint_channels import (
    CHANGED_CHANNELS,
    CHANGED_KEYPOINTS,
    reinitialise_changed,
    switch_off_changed,
)
from models.networks.pose import PoseNetwork


@pytest.fixture
def network():
    torch.manual_seed(0)
    return PoseNetwork(width=0.0625, stages=2).eval()


def test_the_changed_keypoints_are_the_eyes_of_all_three_fields():
    assert CHANGED_KEYPOINTS.tolist() == [1, 2]
    assert CHANGED_CHANNELS == [1, 2, 18, 19, 35, 36]


def test_reinitialising_touches_the_changed_outputs_and_the_inputs_that_read_them(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    reinitialise_changed(network)
    touched = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    readers = {f"stages.1.trunk.blocks.3a.{part}.conv.weight" for part in ("point", "three_reduce", "double_reduce")}
    readers.add("stages.1.trunk.blocks.3a.project.conv.weight")
    assert touched == readers | {"stages.0.output.weight", "stages.1.output.weight"}
    kept = [channel for channel in range(51) if channel not in CHANGED_CHANNELS]
    for stage in (0, 1):
        name = f"stages.{stage}.output.weight"
        after = network.state_dict()[name]
        assert torch.equal(after[:, kept], before[name][:, kept])
        assert not torch.equal(after[:, CHANGED_CHANNELS], before[name][:, CHANGED_CHANNELS])
    stem = network.stem.out_channels
    for name in readers:
        columns = (network.state_dict()[name] != before[name]).any(dim=0).flatten().nonzero().flatten().tolist()
        assert columns == [stem + channel for channel in CHANGED_CHANNELS]


def test_switched_off_keypoints_are_never_found_and_change_nothing_else(network):
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        first_stage = network(images)[0]
        switch_off_changed(network)
        outputs = network(images)
    kept = [channel for channel in range(51) if channel not in CHANGED_CHANNELS]
    assert torch.allclose(outputs[0][:, kept], first_stage[:, kept])
    for maps in outputs:
        assert maps[:, :17].sigmoid()[:, CHANGED_KEYPOINTS].max() < 1e-6
        assert maps[:, [18, 19, 35, 36]].abs().max() == 0
