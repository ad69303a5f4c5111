from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.networks.correspondence import (
    CorrespondenceNetwork,
    RefinementNetwork,
    SiameseNetwork,
    load_correspondence,
    load_siamese,
)
from models.networks.pose import PoseNetwork, load_pose
from models.weight_files import WeightsError, save_weights


def save(path: Path, module: torch.nn.Module, kind: str) -> Path:
    save_weights(path, module, kind=kind, architecture=module.architecture, params={"learning_rate": 1e-3})
    return path


def test_a_saved_pose_network_comes_back_with_the_same_outputs(tmp_path: Path) -> None:
    network = PoseNetwork(width=0.125, stages=2).eval()
    loaded = load_pose(save(tmp_path / "pose.safetensors", network, "pose"))
    images = torch.rand(1, 3, 64, 32)
    assert not loaded.training
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(network(images), loaded(images), strict=True))


def test_paths_may_be_strings(tmp_path: Path) -> None:
    network = PoseNetwork(width=0.125, stages=1)
    path = str(tmp_path / "pose.safetensors")
    save_weights(path, network, kind="pose", architecture=network.architecture, params={})
    assert torch.equal(load_pose(path).stages[0].output.weight, network.stages[0].output.weight)


def test_a_saved_correspondence_network_keeps_norm_cells_and_both_parts(tmp_path: Path) -> None:
    parts = SiameseNetwork(width=0.125), RefinementNetwork(width=0.25)
    network = CorrespondenceNetwork(*parts, norm="squared", cells="released").eval()
    loaded = load_correspondence(save(tmp_path / "correspondence.safetensors", network, "correspondence"))
    features = network.features(torch.rand(2, 3, 32, 64))
    queries = torch.rand(3, 17, 2) * 8
    ours, theirs = (each.affinity(features[:1], features[1:], queries) for each in (network, loaded))
    assert (loaded.norm, loaded.cells) == ("squared", "released")
    assert torch.equal(ours[1], theirs[1])


def test_the_same_weights_give_the_same_bytes_in_any_memory_format(tmp_path: Path) -> None:
    network = SiameseNetwork(width=0.125)
    first = save(tmp_path / "a.safetensors", network, "siamese").read_bytes()
    second = save(tmp_path / "b.safetensors", network.to(memory_format=torch.channels_last), "siamese").read_bytes()
    assert first == second


def test_half_precision_takes_half_the_size_and_loads_as_single_precision(tmp_path: Path) -> None:
    network = PoseNetwork(width=0.125, stages=1)
    facts = {"kind": "pose", "architecture": network.architecture, "params": {}}
    whole, half, again = (tmp_path / name for name in ("whole.safetensors", "half.safetensors", "again.safetensors"))
    save_weights(whole, network, **facts)
    save_weights(half, network, **facts, half_precision=True)
    loaded = load_pose(half)
    save_weights(again, loaded, **facts, half_precision=True)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert torch.equal(loaded.stages[0].output.weight, network.stages[0].output.weight.half().float())
    assert again.read_bytes() == half.read_bytes()


def test_a_tensor_beyond_the_range_of_half_precision_keeps_its_bits(tmp_path: Path) -> None:
    network = SiameseNetwork(width=0.125)
    network.stem.conv1.norm.running_var.fill_(1e6)
    facts = {"kind": "siamese", "architecture": network.architecture, "params": {}}
    save_weights(tmp_path / "siamese.safetensors", network, **facts, half_precision=True)
    stored = load_file(tmp_path / "siamese.safetensors")
    assert stored["stem.conv1.norm.running_var"].dtype == torch.float32
    assert stored["stem.conv1.norm.running_mean"].dtype == torch.float16
    assert (load_siamese(tmp_path / "siamese.safetensors").stem.conv1.norm.running_var == 1e6).all()


def test_a_failed_write_leaves_the_old_file_and_no_partial_one(tmp_path: Path) -> None:
    network = SiameseNetwork(width=0.125)
    path = save(tmp_path / "siamese.safetensors", network, "siamese")
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_weights(path, network, kind="siamese", architecture={"width": object()}, params={})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["siamese.safetensors"]


def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "siamese.safetensors", SiameseNetwork(width=0.125), "siamese")
    with pytest.raises(WeightsError, match=r"siamese\.safetensors: expected weights of kind pose, found siamese"):
        load_pose(path)


def test_absent_and_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.safetensors: no such weight file"):
        load_siamese(tmp_path / "absent.safetensors")
    path = save(tmp_path / "short.safetensors", SiameseNetwork(width=0.125), "siamese")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"short\.safetensors: not a readable safetensors file"):
        load_siamese(path)


def test_every_tensor_that_does_not_fit_is_named(tmp_path: Path) -> None:
    network = SiameseNetwork(width=0.125)
    network.extra = torch.nn.Parameter(torch.zeros(1))
    del network.decoder.upsample.norm
    path = tmp_path / "siamese.safetensors"
    wider = {"width": 0.125, "feature_channels": 16}
    save_weights(path, network, kind="siamese", architecture=wider, params={})
    with pytest.raises(WeightsError) as caught:
        load_siamese(path)
    message = str(caught.value)
    assert "missing: decoder.upsample.norm.weight" in message
    assert "extra: extra (1,)" in message
    assert "misshapen: decoder.output.bias expected (16,), found (32,)" in message
