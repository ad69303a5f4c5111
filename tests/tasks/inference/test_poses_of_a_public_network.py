"""Keypoint R-CNN with random weights of its exact shapes, from pictures to merged tracks."""

import numpy as np
import pytest
import torch

from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS
from models.networks.detector import KeypointDetector, load_keypoint_detector
from models.poses.crops import image_tensor
from tasks.formats.pose_files.posetrack_keypoints import posetrack_keypoints
from tasks.inference.box_sources import require_boxes
from tasks.inference.videos import VideoIndex
from tasks.params.rules import broken_rules

FRAMES = 2


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Finds persons everywhere: what matters is the way from picture to tracks."""
    torch.manual_seed(5)
    detector = KeypointDetector()
    detector.network.roi_heads.box_predictor.cls_score.bias.data[1] = 6.0
    path = tmp_path_factory.mktemp("public") / "keypoint_rcnn.pth"
    torch.save(detector.network.state_dict(), path)
    return path


@pytest.fixture
def of_torchvision(params, change, weights):
    return change(
        params,
        detect={"source": "torchvision", "box_sources": ["detected"], "network_weights": str(weights)},
        estimate={"source": "torchvision", "nms_oks": 1.0},
    )


def test_its_boxes_and_keypoints_are_recovered_tracked_and_merged(corpus, of_torchvision, weights):
    corpus.video("a", FRAMES, persons=0)
    workspace = corpus.write()
    workspace.weights("pose").unlink()
    require_boxes(workspace, of_torchvision)
    corpus.run(of_torchvision, "detect", "estimate", "recover", "track", "merge")

    poses = corpus.table("poses", "a")
    assert {row["frame_index"] for row in poses} == set(range(FRAMES))
    boxes = {row["detection_id"]: row for row in corpus.table("detections", "a")}
    assert all(boxes[row["detection_id"]]["drop_reason"] is None for row in poses)
    [(_, picture)] = VideoIndex(workspace.tables).video("a").open(workspace.data).read([0])
    [persons] = load_keypoint_detector(weights).detect_persons([image_tensor(picture, device=torch.device("cpu"))])
    of_coco = torch.cat([persons.keypoints_xy, persons.keypoint_scores[..., None]], dim=-1).double().numpy()
    expected = posetrack_keypoints(COCO_KEYPOINTS, of_coco)
    for row in (row for row in poses if row["frame_index"] == 0):
        found = np.stack([row["x"], row["y"], row["score"]], axis=-1)
        np.testing.assert_allclose(found, expected[row["detection_id"]], rtol=1e-4, atol=1e-3)
    assert poses[0]["score"][POSETRACK_KEYPOINTS.index("head_bottom")] > 0
    assert corpus.table("merged_tracks", "a")


def test_finished_videos_come_from_the_store_and_keypoints_go_with_the_source(corpus, of_torchvision, params):
    corpus.video("a", 1)
    corpus.write()
    corpus.run(of_torchvision, "detect")
    before = corpus.table("network_poses", "a")
    assert before
    stored = list((corpus.workspace.state / "store").rglob("*.parquet"))
    (corpus.workspace.tables / "network_poses/a.parquet").unlink()
    corpus.run(of_torchvision, "detect")
    assert corpus.table("network_poses", "a") == before
    assert list((corpus.workspace.state / "store").rglob("*.parquet")) == stored
    corpus.run(params, "detect")
    assert list((corpus.workspace.tables / "network_poses").iterdir()) == []


def test_its_poses_want_its_boxes_alone_and_its_boxes_fit_the_pose_network_too(of_torchvision, change):
    assert list(broken_rules(of_torchvision)) == []
    assert list(broken_rules(change(of_torchvision, estimate={"source": "network"}))) == []
    for detect in ({"source": "network"}, {"box_sources": ["detected", "annotated"]}):
        [(key, expected, _)] = broken_rules(change(of_torchvision, detect=detect))
        assert (key, expected) == (
            "detect.source",
            "torchvision with box_sources [detected] when estimate.source is torchvision",
        )


def test_a_cut_into_shards_changes_no_byte_of_boxes_and_keypoints(corpus, of_torchvision, change):
    corpus.video("a", 2)
    corpus.write()
    both = ["detected", "annotated"]
    files = []
    for frames in (100, 1):
        corpus.run(change(of_torchvision, detect={"shard_frames": frames, "box_sources": both}), "detect")
        files.append(
            [(corpus.workspace.tables / table / "a.parquet").read_bytes() for table in ("detections", "network_poses")]
        )
    assert files[0] == files[1]
    numbers = [row["detection_id"] for row in corpus.table("detections", "a", box_source="detected")]
    assert numbers == list(range(len(numbers)))
    assert len(corpus.table("network_poses", "a")) == len(numbers)
    assert len(corpus.table("detections", "a", box_source="annotated")) == 4
