"""torchvision's own networks and weight files, against the ones that are built here without a download."""

from pathlib import Path

import pytest
import torch
from torchvision.models.detection import (
    FasterRCNN_ResNet50_FPN_V2_Weights,
    FasterRCNN_ResNet50_FPN_Weights,
    KeypointRCNN_ResNet50_FPN_Weights,
    fasterrcnn_resnet50_fpn,
    fasterrcnn_resnet50_fpn_v2,
    keypointrcnn_resnet50_fpn,
)

from models.networks.detector import load_detector, load_keypoint_detector
from models.weight_files import WeightsError

SHAPES = {
    "keypoint": (keypointrcnn_resnet50_fpn, KeypointRCNN_ResNet50_FPN_Weights.COCO_V1, load_keypoint_detector),
    "version 1": (fasterrcnn_resnet50_fpn, FasterRCNN_ResNet50_FPN_Weights.COCO_V1, load_detector),
    "version 2": (fasterrcnn_resnet50_fpn_v2, FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1, load_detector),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_a_file_of_the_exact_shapes_does_what_torchvision_does_with_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision takes a file of its cache unseen, so that it loads these random numbers as its COCO_V1 weights."""
    build, weights, load = SHAPES[kind]
    torch.manual_seed(3)
    state = build(weights=None, weights_backbone=None, num_classes=len(weights.meta["categories"])).state_dict()
    for name, tensor in state.items():
        if name == "backbone.body.bn1.running_var":
            tensor.mul_(1e-4)  # so small that an epsilon too much would show
        if name == "backbone.body.bn1.weight":
            tensor.mul_(1e-2)
        if name.endswith("cls_score.bias"):
            tensor[1] = 6.0
    path = tmp_path / "checkpoints" / weights.url.rpartition("/")[2]
    path.parent.mkdir()
    torch.save(state, path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    theirs, ours = build(weights=weights).eval(), load(path)
    for network in (theirs, ours.network):
        network.transform.min_size, network.transform.max_size = (64,), 96
    picture = torch.rand(3, 48, 64)
    with torch.inference_mode():
        [expected] = theirs([picture])
        [found] = ours.network([picture])
    assert len(expected["boxes"]) > 0
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    [persons] = ours.detect_persons([picture])
    if kind == "keypoint":
        assert persons.keypoints_xy.shape == (len(persons.scores), 17, 2)
        assert torch.equal(persons.keypoint_scores, (expected["keypoints_scores"] - 2).sigmoid())


@pytest.mark.parametrize("kind", ["keypoint", "version 1"])
def test_a_file_with_the_layer_names_of_its_time_is_read(kind: str, tmp_path: Path) -> None:
    """torchvision's COCO_V1 files are older than the names that its layers have today."""
    build, weights, load = SHAPES[kind]
    state = build(weights=None, weights_backbone=None, num_classes=len(weights.meta["categories"])).state_dict()
    old = {name.replace(".conv.0.0.", ".conv."): tensor for name, tensor in state.items()}
    for block in ("inner_blocks", "layer_blocks"):
        for level in range(4):
            for part in ("weight", "bias"):
                stem = f"backbone.fpn.{block}.{level}"
                old[f"{stem}.{part}"] = old.pop(f"{stem}.0.{part}")
    assert len(old.keys() - state.keys()) == 18
    theirs = build(weights=None, weights_backbone=None, num_classes=len(weights.meta["categories"]))
    theirs.load_state_dict(dict(old))  # torchvision's own hooks rename them
    torch.save(old, tmp_path / "old.pth")
    ours = load(tmp_path / "old.pth").network.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.state_dict().items() if name in ours)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save(fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict(), tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"missing: roi_heads\.keypoint_head"):
        load_keypoint_detector(tmp_path / "other.pth")
