"""The optical-flow baseline moves keypoints as the pictures move."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torchvision.models.optical_flow import raft_large

from models.poses.frame_poses import FramePoses, VideoPoses
from models.tracking.correspondences import propagate_by_flow
from tasks.errors import InputError
from tasks.tracker_evaluation.optical_flow import dis_flow, flow_of, propagated_by_flow


def scene(shift):
    """A blurred random pattern, moved by (x, y) whole pixels."""
    noise = np.random.default_rng(3).integers(0, 255, (96, 128, 3), np.uint8)
    pattern = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.roll(pattern, (shift[1], shift[0]), axis=(0, 1))


def test_keypoints_follow_a_moved_picture():
    points = np.tile([64.0, 48.0], (1, 17, 1))
    moved, arrived = propagate_by_flow(points, dis_flow(scene((0, 0)), scene((5, -3))))
    assert np.allclose(moved[0, 0], [69, 45], atol=0.5)
    assert arrived.all()


def test_a_keypoint_that_starts_or_ends_outside_does_not_arrive():
    flow = np.tile(np.float32([10, 0]), (20, 30, 1))
    points = np.full((1, 17, 2), 5.0)
    points[0, 0], points[0, 1], points[0, 2] = (-1, 5), (25, 5), (np.nan, 5)
    _, arrived = propagate_by_flow(points, flow)
    assert arrived[0].tolist() == [0, 0, 0] + [1] * 14


def video(pictures, frames):
    """A video with one pose in each of some frames."""
    poses = [FramePoses(index, [10 + index], np.full((1, 17, 2), 50.0), np.ones((1, 17))) for index in frames]
    return SimpleNamespace(
        pictures=lambda indices: ((index, pictures[index]) for index in indices),
        evidence=SimpleNamespace(poses=VideoPoses(poses)),
    )


def test_box_sources_share_each_flow():
    pictures, computed = [scene(shift) for shift in ((0, 0), (4, 0), (8, 0))], []

    def flow(source, target):
        computed.append(1)
        return dis_flow(source, target)

    siblings = [video(pictures, [0, 1, 2]), video(pictures, [0, 2])]
    together = propagated_by_flow(siblings, flow, max_gap_frames=1)
    assert len(computed) == 3  # 0 to 1, 1 to 2, and 0 to 2 for the second one
    apart = [propagated_by_flow([sibling], dis_flow, max_gap_frames=1)[0] for sibling in siblings]
    for shared, single in zip(together, apart, strict=True):
        for frame, sources in ((1, [10]), (2, [10, 11])):
            for expected, got in zip(single.at(sources, frame), shared.at(sources, frame), strict=True):
                assert np.array_equal(expected, got)
    assert np.allclose(together[1].at([10], 2)[0][0, 0], [58, 50], atol=0.7)


def asked(weights):
    return SimpleNamespace(flow="raft", flow_weights=str(weights))


def test_raft_is_torchvisions_and_takes_pictures_of_any_size(tmp_path):
    torch.manual_seed(4)
    network = raft_large(weights=None).eval()
    torch.save({k: v for k, v in network.state_dict().items() if "num_batches" not in k}, tmp_path / "raft.pth")
    flow = flow_of(asked(tmp_path / "raft.pth"))
    first, second = np.random.default_rng(2).integers(0, 256, (2, 128, 136, 3), np.uint8)
    with torch.inference_mode():
        images = [torch.from_numpy(picture).permute(2, 0, 1)[None] / 127.5 - 1 for picture in (first, second)]
        expected = network(*images)[-1][0].permute(1, 2, 0).numpy()
    assert np.array_equal(flow(first, second), expected)
    assert flow(first[:77, :61], second[:77, :61]).shape == (77, 61, 2)


def test_a_file_that_holds_no_raft_is_one_error(tmp_path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    for name, message in (("nowhere.pth", "no such weight file"), ("other.pth", "tensors do not fit")):
        with pytest.raises(InputError, match=rf"ablate\.flow_weights: .*{name}: .*{message}"):
            flow_of(asked(tmp_path / name))
