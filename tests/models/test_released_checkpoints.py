"""Foreign weight files: the authors' checkpoints, ImageNet backbones, torchvision's detector."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.networks.correspondence import SiameseNetwork, load_released_correspondence
from models.networks.detector import PersonDetector, load_detector
from models.networks.imagenet import initialise_backbone
from models.networks.pose import PoseNetwork, load_released_pose
from models.networks.released import imagenet_name, released_name
from models.weight_files import WeightsError

Saved = Callable[[object], Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    def save(content: object) -> Path:
        path = tmp_path / "released.pth"
        torch.save(content, path)
        return path

    return save


def released_pose_state() -> dict[str, Tensor]:
    state = PoseNetwork(stages=2).state_dict()
    return {released_name(name): tensor for name, tensor in state.items()}


@pytest.fixture(scope="module")
def pose_state() -> dict[str, Tensor]:
    return released_pose_state()


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("nested", [True, False])
def test_pose_files_with_and_without_prefix_and_nesting(
    pose_state: dict[str, Tensor], saved: Saved, prefix: str, nested: bool
) -> None:
    state = {prefix + name: tensor for name, tensor in pose_state.items()}
    network = load_released_pose(saved({"state_dict": state, "epoch": 12} if nested else state))
    assert len(network.stages) == 2
    assert not network.training
    assert torch.equal(network.stages[1].output.bias, pose_state["pd2.Conv2dT_2.conv.bias"])


def test_every_missing_extra_and_misshapen_tensor_is_named(pose_state: dict[str, Tensor], saved: Saved) -> None:
    state = dict(pose_state)
    del state["conv2_3x3.bias"], state["pd1.inception_4a_1x1_bn.running_mean"]
    state["classifier.weight"] = torch.zeros(3)
    state["pd2.Conv2dT_2.conv.bias"] = torch.zeros(17)
    with pytest.raises(WeightsError) as caught:
        load_released_pose(saved({"state_dict": state}))
    message = str(caught.value)
    assert "released.pth: 4 tensors do not fit" in message
    assert "missing: conv2_3x3.bias (192,)" in message
    assert "missing: pd1.inception_4a_1x1_bn.running_mean (224,)" in message
    assert "extra: classifier.weight (3,)" in message
    assert "misshapen: pd2.Conv2dT_2.conv.bias expected (51,), found (17,)" in message


@pytest.mark.parametrize("inner", ["module.model.module.model.", "module.model.model."])
def test_both_forms_of_the_correspondence_file(saved: Saved, inner: str) -> None:
    with torch.device("meta"):
        from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork

        names = CorrespondenceNetwork(SiameseNetwork(), RefinementNetwork()).state_dict()
    state = {
        "module." + released_name(name): torch.zeros(tensor.shape, dtype=tensor.dtype) for name, tensor in names.items()
    }
    state = {name.replace("module.model.model.", inner): tensor for name, tensor in state.items()}
    network = load_released_correspondence(saved({"state_dict": state}))
    assert (network.norm, network.cells, network.training) == ("squared", "released", False)


def test_a_siamese_file_alone_is_no_correspondence_network(saved: Saved) -> None:
    state = {"model.model." + released_name("stem.conv1.conv.bias"): torch.zeros(64)}
    with pytest.raises(WeightsError, match=r"962 missing, 0 extra, 0 misshapen"):
        load_released_correspondence(saved({"state_dict": state}))


def test_a_name_with_and_without_prefix_is_refused(pose_state: dict[str, Tensor], saved: Saved) -> None:
    state = {**pose_state, "module.conv2_3x3.bias": torch.zeros(192)}
    with pytest.raises(WeightsError, match="twice"):
        load_released_pose(saved(state))


class Trap:
    """Would write a file if a loader ran the code of the pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_that_holds_code_is_refused_and_not_run(saved: Saved, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    with pytest.raises(WeightsError, match="could run code"):
        load_released_pose(saved({"state_dict": {}, "hook": Trap(witness)}))
    assert not witness.exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04 broken"])
def test_files_that_are_no_checkpoint_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"broken\.pth"):
        load_released_pose(path)


@pytest.mark.parametrize("content", [[1, 2], {"state_dict": 3}, {"epoch": 3}])
def test_checkpoints_without_tensors_are_refused(saved: Saved, content: object) -> None:
    with pytest.raises(WeightsError, match="expected a dict of tensors"):
        load_released_pose(saved(content))


def test_an_absent_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.pth: no such weight file"):
        load_released_pose(tmp_path / "absent.pth")


def test_paths_may_be_strings(pose_state: dict[str, Tensor], saved: Saved) -> None:
    network = load_released_pose(str(saved(pose_state)))
    assert torch.equal(network.stages[1].output.bias, pose_state["pd2.Conv2dT_2.conv.bias"])


def imagenet_state(network: torch.nn.Module) -> dict[str, Tensor]:
    """A BN-Inception file of the network's width; batch normalisation as (1,C), as old files have it."""
    state = {}
    for name, tensor in network.state_dict().items():
        theirs = imagenet_name(name)
        if theirs is not None and theirs not in state and not theirs.endswith("num_batches_tracked"):
            drawn = torch.rand(tensor.shape) + 0.5
            state[theirs] = drawn[None] if "_bn." in theirs else drawn
    return state


def test_an_imagenet_file_starts_every_stage_where_shapes_agree(saved: Saved) -> None:
    network = PoseNetwork(width=0.125, stages=2)
    state = imagenet_state(network)
    state["last_linear.weight"] = torch.zeros(1000, 8)
    report = initialise_backbone(network, saved(state))
    blocks = [stage.trunk.blocks for stage in network.stages]
    for each in blocks:
        assert torch.equal(each["4d"].three.conv.weight, state["inception_4d_3x3.weight"])
        assert torch.equal(each["4d"].three.norm.running_var, state["inception_4d_3x3_bn.running_var"][0])
    assert torch.equal(blocks[0]["3a"].point.conv.weight, state["inception_3a_1x1.weight"])
    assert "stages.0.trunk.blocks.3a.point.conv.weight" in report.copied
    assert any(line.startswith("stages.1.trunk.blocks.3a.point.conv.weight (expected") for line in report.random)
    assert any(line.startswith("stages.0.output.weight (") for line in report.random)
    assert report.unused == ("last_linear.weight",)


def test_every_tensor_of_the_network_is_listed_once(saved: Saved) -> None:
    network = SiameseNetwork(width=0.125)
    report = initialise_backbone(network, saved(imagenet_state(network)))
    listed = [*report.copied, *(line.split(" ")[0] for line in report.random)]
    assert sorted(listed) == sorted(name for name in network.state_dict() if "num_batches_tracked" not in name)
    assert len(report.lines()) == len(listed) + len(report.unused)


def test_the_first_layer_sees_rgb_in_unit_range_as_it_saw_bgr_less_the_mean(saved: Saved) -> None:
    network = SiameseNetwork(width=0.125)
    state = imagenet_state(network)
    state["conv1_7x7_s2_bn.running_var"] *= 1000
    initialise_backbone(network, saved(state))
    reference = SiameseNetwork(width=0.125).stem.conv1.eval()
    for name, tensor in reference.state_dict().items():
        theirs = imagenet_name(f"stem.conv1.{name}")
        if theirs in state:
            tensor.copy_(state[theirs].reshape(tensor.shape))
    rgb = torch.rand(1, 3, 32, 32)
    bgr = rgb.flip(1) * 255 - torch.tensor([104.0, 117.0, 128.0]).reshape(1, 3, 1, 1)
    ours = network.stem.conv1.eval()(rgb)
    inner = slice(2, -2)
    torch.testing.assert_close(ours[:, :, inner, inner], reference(bgr)[:, :, inner, inner], rtol=1e-4, atol=1e-3)


def test_an_imagenet_file_that_fits_nowhere_is_refused(saved: Saved) -> None:
    with pytest.raises(WeightsError, match="found no tensor that fits"):
        initialise_backbone(SiameseNetwork(width=0.125), saved({"layer1.0.conv1.weight": torch.zeros(64, 64, 3, 3)}))


def test_the_detector_takes_a_file_of_torchvision_strictly(saved: Saved) -> None:
    state = PersonDetector().network.state_dict()
    detector = load_detector(saved(state))
    name = "roi_heads.box_predictor.cls_score.bias"
    assert torch.equal(detector.network.state_dict()[name], state[name])
    assert not detector.training
    with pytest.raises(WeightsError, match=rf"missing: {name}"):
        load_detector(saved({key: tensor for key, tensor in state.items() if key != name}))
