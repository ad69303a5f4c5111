import math
from pathlib import Path

import pytest
import torch
from torch import nn

from models.networks.backbone import TRUNK_PLAN, OutputLayer, Trunk, scaled_channels
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork, load_correspondence
from models.networks.pose import PoseNetwork
from models.weight_files import save_weights


def parameter_count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (lambda: PoseNetwork(stages=2), 39_475_398),
        (lambda: PoseNetwork(stages=3), 59_156_281),
        (lambda: SiameseNetwork(), 17_809_984),
        (lambda: RefinementNetwork(), 16_093_329),
        (lambda: PoseNetwork().stem, 125_056),
        (lambda: PoseNetwork().stages[0], 19_669_459),
        (lambda: PoseNetwork().stages[1], 19_680_883),
    ],
    ids=["pose-2", "pose-3", "siamese", "refinement", "stem", "stage-1", "stage-2"],
)
def test_parameter_counts_at_width_one_are_the_papers(build, count: int) -> None:
    with torch.device("meta"):
        assert parameter_count(build()) == count


@pytest.mark.parametrize(
    ("block", "count"),
    [
        *(("3a", 219_552), ("3b", 260_704), ("3c", 385_632), ("4a", 610_848), ("4b", 666_240)),
        *(("4c", 915_456), ("4d", 1_144_000), ("4e", 1_451_008), ("5a", 2_210_496), ("5b", 2_281_248)),
    ],
)
def test_parameter_counts_of_the_blocks(block: str, count: int) -> None:
    with torch.device("meta"):
        assert parameter_count(Trunk(192, width=1.0).blocks[block]) == count


@pytest.mark.parametrize(
    ("channels", "width", "scaled"),
    [(64, 1.0, 64), (64, 0.25, 16), (32, 0.125, 4), (96, 0.125, 12), (4, 0.1, 4), (160, 0.3, 48), (64, 2.0, 128)],
)
def test_scaled_channels(channels: int, width: float, scaled: int) -> None:
    assert scaled_channels(channels, width) == scaled


def test_every_channel_count_of_the_plan_is_kept_at_width_one() -> None:
    assert all(scaled_channels(count, 1.0) == count for plan in TRUNK_PLAN.values() for count in plan[:6] if count)


@pytest.mark.parametrize("width", [0.125, 0.25])
def test_shapes_of_all_networks(width: float) -> None:
    pose = PoseNetwork(width=width, stages=3).eval()
    correspondence = CorrespondenceNetwork(SiameseNetwork(width=width), RefinementNetwork(width=width)).eval()
    images = torch.rand(2, 3, 96, 64)
    features = correspondence.features(images)
    maps, logits = correspondence.affinity(features[:1], features[1:], torch.zeros(3, 17, 2))
    assert [tuple(stage.shape) for stage in pose(images)] == [(2, 51, 24, 16)] * 3
    assert tuple(features.shape) == (2, 32, 24, 16)
    assert tuple(maps.shape) == tuple(logits.shape) == (3, 17, 24, 16)


def test_stages_behind_the_last_wanted_one_are_not_computed() -> None:
    network = PoseNetwork(width=0.125, stages=3).eval()
    images = torch.rand(1, 3, 32, 32)
    network.stages[2].register_forward_hook(lambda *_: pytest.fail("stage 3 ran"))
    with pytest.raises(pytest.fail.Exception):
        network(images)
    assert len(network(images, last_stage=1)) == 2


@pytest.mark.parametrize("size", [(384, 290), (100, 64), (31, 31), (0, 32)])
@pytest.mark.parametrize("network", [PoseNetwork(width=0.125), SiameseNetwork(width=0.125)], ids=["pose", "siamese"])
def test_sizes_no_multiple_of_32_raise_one_error_that_says_so(network: nn.Module, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"multiples of 32, got \(1, 3, {size[0]}, {size[1]}\)"):
        network(torch.rand(1, 3, *size))


def test_the_error_for_a_wrong_size_names_the_next_right_one() -> None:
    with pytest.raises(ValueError, match="384x320"):
        PoseNetwork(width=0.125)(torch.rand(1, 3, 384, 290))


def test_no_stage_count_below_one() -> None:
    with pytest.raises(ValueError, match="stages must be >= 1, got 0"):
        PoseNetwork(width=0.125, stages=0)


@pytest.mark.parametrize("width", [0.125, 0.25, 1.0])
def test_fresh_networks_start_where_training_can_begin(width: float) -> None:
    """Heatmaps start near a few percent, features spread over directions, and no activation has died or exploded."""
    torch.manual_seed(0)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        first = PoseNetwork(width=width)(images)[0]
        features = SiameseNetwork(width=width)(images)
    assert 0.001 < first[:, :17].sigmoid().mean() < 0.05
    assert first[:, 17:].abs().mean() < 1
    assert 0.05 < features.std() < 5


def test_gradients_reach_every_parameter_of_the_pose_network() -> None:
    network = PoseNetwork(width=0.125, stages=2)
    sum(stage.square().mean() for stage in network(torch.rand(2, 3, 64, 64))).backward()
    assert_gradients(network)


def test_gradients_reach_every_parameter_of_the_correspondence_network() -> None:
    network = CorrespondenceNetwork(SiameseNetwork(width=0.125), RefinementNetwork(width=0.125))
    features = network.features(torch.rand(2, 3, 64, 64))
    queries = torch.randint(0, 16, (2, 17, 2))
    _, logits = network.affinity(features[:1], features[1:], queries)
    logits.square().mean().backward()
    assert_gradients(network)


def test_the_maps_alone_train_the_siamese_network_and_a_frozen_one_gets_nothing() -> None:
    network = CorrespondenceNetwork(SiameseNetwork(width=0.125), RefinementNetwork(width=0.125))
    features = network.features(torch.rand(2, 3, 64, 64))
    queries = torch.randint(0, 16, (4, 17, 2))
    network.affinity_maps(features[:1], features[1:], queries).square().sum().backward()
    assert_gradients(network.siamese)
    network.zero_grad()
    network.siamese.requires_grad_(False).eval()
    features = network.features(torch.rand(2, 3, 128, 128))
    _, logits = network.affinity(features[:1], features[1:], 2 * queries)
    logits.square().mean().backward()
    assert_gradients(network.refinement)
    assert not [name for name, parameter in network.siamese.named_parameters() if parameter.grad is not None]


def assert_gradients(network: nn.Module) -> None:
    # A bias in front of batch normalisation has no effect on the output: its gradient is rounding, but it is there.
    silent = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    dead = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is not None and not parameter.grad.any() and "conv.bias" not in name
    ]
    assert not silent
    assert not dead


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 5)])
def test_the_output_layer_is_the_transposed_convolution_also_in_its_gradients(size: tuple[int, int]) -> None:
    layer = OutputLayer(7, 5, gain=1.0).double().to(memory_format=torch.channels_last)
    inputs = torch.rand(2, 7, *size, dtype=torch.float64, requires_grad=True)
    maps, expected = layer(inputs), nn.ConvTranspose2d.forward(layer, inputs)
    torch.testing.assert_close(maps, expected, rtol=0, atol=1e-12)
    weights = torch.rand_like(maps)
    for of_product, of_convolution in zip(
        torch.autograd.grad((maps * weights).sum(), [inputs, *layer.parameters()]),
        torch.autograd.grad((expected * weights).sum(), [inputs, *layer.parameters()]),
        strict=True,
    ):
        torch.testing.assert_close(of_product, of_convolution, rtol=0, atol=1e-11)


def test_calibrated_logits_depend_on_the_size_of_the_map_too() -> None:
    network = RefinementNetwork(width=0.125).eval()
    features, maps = torch.randn(2, 1, 32, 16, 16), torch.rand(1, 17, 16, 16)
    with torch.no_grad():
        before = network(*features, maps)
        network.calibration = (0.5, -2.0, 1.5)
        after = network(*features, maps)
    torch.testing.assert_close(after, 0.5 * before - 2.0 + 1.5 * math.log(256))


def test_the_calibration_is_a_part_of_the_weight_file_but_none_of_its_tensors(tmp_path: Path) -> None:
    network = CorrespondenceNetwork(
        SiameseNetwork(width=0.0625), RefinementNetwork(width=0.0625, calibration=(0.5, -2.0, 1.5))
    )
    path = tmp_path / "correspondence.safetensors"
    save_weights(path, network, kind="correspondence", architecture=network.architecture, params={})
    loaded = load_correspondence(path).refinement
    assert loaded is not None
    assert loaded.calibration == [0.5, -2.0, 1.5]
    assert loaded.state_dict().keys() == RefinementNetwork(width=0.0625).state_dict().keys()
