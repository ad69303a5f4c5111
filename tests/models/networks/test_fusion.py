import pytest
import torch
from torch import Tensor, nn

from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.networks.fusion import ShuffledDeconvolution, fuse_for_inference, with_onednn
from models.networks.pose import PoseNetwork


def with_used_statistics(network: nn.Module, images: Tensor) -> nn.Module:
    """Give the batch normalisations statistics and scales that a fold could get wrong."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    network(images)
    return network.eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_a_fused_pose_network_gives_the_same_maps(images: Tensor) -> None:
    network = with_used_statistics(PoseNetwork(width=0.25, stages=3), images)
    expected = network(images)
    fused = fuse_for_inference(network)
    for ours, reference in zip(fused(images), expected, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_fused_correspondence_network_gives_the_same_maps(images: Tensor) -> None:
    siamese = with_used_statistics(SiameseNetwork(width=0.25), images)
    network = CorrespondenceNetwork(siamese, RefinementNetwork(width=0.25)).eval()
    queries = torch.rand(3, 17, 2) * 16
    features = network.features(images)
    expected = network.affinity(features[:1], features[1:], queries)
    fused = fuse_for_inference(network)
    features = fused.features(images)
    for ours, reference in zip(fused.affinity(features[:1], features[1:], queries), expected, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_convolutions_by_onednn_give_the_same_maps(images: Tensor) -> None:
    fused = fuse_for_inference(with_used_statistics(PoseNetwork(width=0.25), images))
    expected = fused(images)[-1]
    torch.testing.assert_close(with_onednn(fused)(images)[-1], expected, rtol=1e-5, atol=1e-5)


def test_no_batch_normalisation_and_no_transposed_output_is_left(images: Tensor) -> None:
    fused = fuse_for_inference(PoseNetwork(width=0.125).eval())
    assert not [name for name, module in fused.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(isinstance(stage.output, ShuffledDeconvolution) for stage in fused.stages)
    assert all(stage.is_contiguous(memory_format=torch.channels_last) for stage in [fused.stem(images)])


def test_fusing_twice_changes_nothing(images: Tensor) -> None:
    fused = fuse_for_inference(SiameseNetwork(width=0.125).eval())
    once = fused(images)
    assert torch.equal(fuse_for_inference(fused)(images), once)


def test_a_network_in_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"call \.eval"):
        fuse_for_inference(SiameseNetwork(width=0.125).train())


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 5)])
def test_the_shuffled_deconvolution_is_the_transposed_one(size: tuple[int, int]) -> None:
    transposed = nn.ConvTranspose2d(7, 5, kernel_size=8, stride=4, padding=2).double()
    inputs = torch.rand(2, 7, *size, dtype=torch.float64)
    shuffled = ShuffledDeconvolution(transposed).double()
    torch.testing.assert_close(shuffled(inputs), transposed(inputs), rtol=0, atol=1e-12)
