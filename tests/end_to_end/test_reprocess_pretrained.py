"""`corrtrack reprocess --pretrained torchvision`: from a weight file, and where it cannot be fetched."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from models.networks.detector import KeypointDetector
from tests.end_to_end.test_reprocess import write_video

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def keypoint_rcnn(tmp_path_factory) -> Path:
    """Random weights of the exact shapes, which find persons everywhere."""
    torch.manual_seed(5)
    detector = KeypointDetector()
    detector.network.roi_heads.box_predictor.cls_score.bias.data[1] = 6.0
    path = tmp_path_factory.mktemp("public") / "keypoint_rcnn.pth"
    torch.save(detector.network.state_dict(), path)
    return path


def test_a_video_is_tracked_by_boxes_and_poses_of_the_network_alone(
    corrtrack, tmp_path, untrained_weights, keypoint_rcnn
):
    write_video(tmp_path / "street.mp4", 2)
    code, text = corrtrack(
        *("reprocess", tmp_path / "street.mp4", "--out", tmp_path / "out", "--weights", untrained_weights),
        *("--pretrained", "torchvision", "--set", f"detect.network_weights={keypoint_rcnn}"),
        *("--set", "estimate.nms_oks=0.05"),
    )
    assert code == 0, text
    poses = pd.read_parquet(tmp_path / "out/artifacts/tables/poses/street.parquet")
    assert set(poses["frame_index"]) == {0, 1}
    assert (tmp_path / "out/overlays/street.mp4").is_file()
    assert len(pd.read_csv(tmp_path / "out/artifacts/exports/csv/merged/street.csv")) > 0


def test_without_a_network_it_ends_before_anything_is_tracked(corrtrack, tmp_path, untrained_weights, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    write_video(tmp_path / "street.mp4", 2)
    code, text = corrtrack(
        *("reprocess", tmp_path / "street.mp4", "--out", tmp_path / "out", "--weights", untrained_weights),
        *("--pretrained", "torchvision"),
    )
    assert code == 2, text
    assert "whose SHA-256 begins with fc266e95" in text
    assert "keypointrcnn_resnet50_fpn_coco-fc266e95.pth" in text
    assert not [path for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")], "it has no results"
