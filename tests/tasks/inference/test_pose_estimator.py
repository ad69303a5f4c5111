"""Poses in boxes: flip test, decoding, the way back to the picture, suppression."""

import numpy as np
import pytest
import torch

from models.keypoints import POSETRACK_KEYPOINTS
from models.networks.pose import load_pose
from models.poses.estimation import PoseEstimator
from models.weight_files import save_weights
from tasks.errors import InputError
from tasks.inference.networks import load_estimator


@pytest.fixture
def estimator(networks, params):
    """Random weights; crops of 32 x 64."""
    return PoseEstimator(load_pose(networks / "pose.safetensors"), params.estimate)


@pytest.fixture
def picture():
    """Noise of 80 x 64."""
    return np.random.default_rng(0).integers(0, 255, (64, 80, 3), dtype=np.uint8)


def swapped(name):
    """The keypoint that a mirror shows instead of it."""
    side, _, part = name.partition("_")
    return {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)


def test_heatmaps_are_the_mean_of_both_passes_and_offsets_those_of_the_first(networks, params, change, picture):
    released = change(params, estimate={"flip_about": "pixels"}).estimate
    estimator = PoseEstimator(load_pose(networks / "pose.safetensors"), released)
    crop = estimator.crop(picture, (10.0, 5.0, 20.0, 40.0))
    estimated = estimator.estimate([crop])
    network = load_pose(networks / "pose.safetensors")
    image = torch.from_numpy(crop.pixels).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        plain, mirrored = (network(each)[-1][0] for each in (image, image.flip(-1)))
    scale = 32 / 40
    for joint, name in enumerate(POSETRACK_KEYPOINTS):
        other = mirrored[POSETRACK_KEYPOINTS.index(swapped(name))].sigmoid().flip(-1)
        heatmap = (plain[joint].sigmoid() + other) / 2
        row, column = divmod(int(heatmap.argmax()), heatmap.shape[-1])
        x = 4 * column + float(plain[17 + joint, row, column])
        y = 4 * row + float(plain[34 + joint, row, column])
        assert estimated.score[0, joint] == pytest.approx(float(heatmap.max()), abs=1e-5)
        assert estimated.xy[0, joint] == pytest.approx([20 + (x - 16) / scale, 25 + (y - 32) / scale], abs=1e-3)


def test_a_mirrored_picture_has_the_scores_of_the_picture_with_left_and_right_swapped(estimator):
    picture = np.zeros((64, 80, 3), np.uint8)
    picture[12:44, 14:26] = np.random.default_rng(1).integers(0, 255, (32, 12, 3), dtype=np.uint8)
    plain = estimator.estimate([estimator.crop(picture, (12.0, 12.0, 16.0, 32.0))])
    mirrored = estimator.estimate([estimator.crop(picture[:, ::-1].copy(), (79.0 - 28.0, 12.0, 16.0, 32.0))])
    order = [POSETRACK_KEYPOINTS.index(swapped(name)) for name in POSETRACK_KEYPOINTS]
    assert mirrored.score[0] == pytest.approx(plain.score[0, order], abs=1e-6)


def test_without_flip_test_the_first_pass_counts(networks, params, change, picture):
    single = change(params, estimate={"flip_test": False}).estimate
    estimator = PoseEstimator(load_pose(networks / "pose.safetensors"), single)
    crop = estimator.crop(picture, (10.0, 5.0, 20.0, 40.0))
    network = load_pose(networks / "pose.safetensors")
    with torch.inference_mode():
        heatmaps = network(torch.from_numpy(crop.pixels).permute(2, 0, 1)[None] / 255)[-1][0, :17].sigmoid()
    assert estimator.estimate([crop]).score[0] == pytest.approx(heatmaps.amax(dim=(1, 2)).numpy(), abs=1e-5)


def test_output_stage_is_counted_from_either_end(networks, params, change, picture):
    by_stage = {}
    for stage in (0, 1, -1):
        chosen = change(params, estimate={"output_stage": stage}).estimate
        estimator = PoseEstimator(load_pose(networks / "pose.safetensors"), chosen)
        by_stage[stage] = estimator.estimate([estimator.crop(picture, (10.0, 5.0, 20.0, 40.0))]).xy
    assert np.array_equal(by_stage[1], by_stage[-1])
    assert not np.array_equal(by_stage[0], by_stage[1])


@pytest.mark.parametrize("stage", [2, -3])
def test_a_stage_that_the_weights_lack_is_bad_input(networks, params, change, stage):
    with pytest.raises(InputError, match=rf"estimate\.output_stage must be one of the network's 2 stages, got {stage}"):
        load_estimator(networks / "pose.safetensors", change(params, estimate={"output_stage": stage}).estimate)


def test_a_moved_picture_moves_its_poses(estimator, picture):
    shifted = np.zeros((100, 120, 3), np.uint8)
    shifted[20:84, 30:110] = picture
    here = estimator.estimate([estimator.crop(picture, (20.0, 12.0, 16.0, 32.0))])
    there = estimator.estimate([estimator.crop(shifted, (50.0, 32.0, 16.0, 32.0))])
    assert np.allclose(there.xy - here.xy, [30, 20], atol=1e-3)


def test_of_two_equal_boxes_one_pose_is_kept_and_names_the_other(corpus, params, change):
    corpus.video("a", 2)
    corpus.write()
    box = (8.0, 10.0, 22.0, 40.0)
    corpus.detections("a", [(0, box), (0, box), (0, (50.0, 5.0, 20.0, 20.0)), (1, box)])
    corpus.run(params, "estimate")
    dropped = [(row["drop_reason"], row["duplicate_of"]) for row in corpus.table("poses", "a")]
    assert dropped == [(None, None), ("duplicate", 0), (None, None), (None, None)]
    corpus.run(change(params, estimate={"nms_oks": 1.0}), "estimate")
    assert {row["drop_reason"] for row in corpus.table("poses", "a")} == {None}


def test_weights_of_other_crops_are_reported(corpus, params, networks):
    corpus.video("a", 1)
    corpus.write()
    corpus.two_walkers("a", 1)
    pose = load_pose(networks / "pose.safetensors")
    trained = {"crop_width_px": 96, "crop_height_px": 64}
    path = corpus.workspace.weights("pose")
    save_weights(path, pose, kind="pose", architecture=pose.architecture, params=trained)
    progress = corpus.run(params, "estimate")
    assert [notice.split(":")[0] for notice in progress.notices] == [
        "estimate.crop_width_px is 32, but the pose network was trained with 96"
    ]


def test_half_precision_finds_nearly_the_same(corpus, params, change):
    corpus.video("a", 3)
    corpus.write()
    corpus.two_walkers("a", 3)
    estimated = []
    for precision in ("float32", "bfloat16"):
        half = {"precision": precision}
        corpus.run(change(params, estimate=half, recover=half), "estimate", "recover")
        scores = [row["score"] for row in corpus.table("poses", "a")]
        peaks = [row["refined_peak"] for row in corpus.table("correspondences", "a")][:2]
        estimated.append((np.array(scores), np.array(peaks)))
    (scores, peaks), (half_scores, half_peaks) = estimated
    assert 0 < np.abs(scores - half_scores).max() < 0.02
    assert 0 < np.abs(peaks - half_peaks).max() < 0.05
