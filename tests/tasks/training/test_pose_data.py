"""Pose crops: keypoints move with the picture, sides change locations in a mirror."""

import numpy as np
import pytest
import torch

from models.fields.heatmap import encode_heatmap
from models.keypoints import COCO_KEYPOINTS, flip_order
from tasks.training.persons import read_persons
from tasks.training.pose_data import PoseData


@pytest.fixture
def section(params, changed):
    plain = {"flip_probability": 0.0, "rotation_degrees": 0.0, "scale_range": [1.0, 1.0], "shift_share": 0.0}
    return changed(params, "pretrain", **plain, brightness=0.0).pretrain


def data_of(workspace, section):
    return PoseData(workspace.data, read_persons(workspace.tables, "coco", "train"), COCO_KEYPOINTS, section)


def test_without_jitter_training_sees_what_inference_sees(workspace, section):
    data = data_of(workspace, section)
    samples = np.arange(len(data))
    jittered = data.batch(samples, [np.random.default_rng(seed) for seed in samples])
    plain, _ = data.plain_batch(samples)
    assert all(torch.equal(jittered[name], plain[name]) for name in ("images", "labelled"))
    assert torch.allclose(jittered["xy"], plain["xy"], atol=1e-4)


def test_a_mirror_of_the_crop_is_the_mirror_of_its_fields(workspace, section):
    plain, _ = data_of(workspace, section).plain_batch(np.arange(4))
    mirrored = data_of(workspace, section.model_copy(update={"flip_probability": 1.0})).batch(
        np.arange(4), [np.random.default_rng(seed) for seed in range(4)]
    )
    assert torch.equal(mirrored["images"], plain["images"].flip(3))
    order = torch.from_numpy(flip_order(COCO_KEYPOINTS))
    size = {"height": section.crop_height_px, "width": section.crop_width_px, "sigma_px": 4.0}
    # The mirror is about the middle of the pixels, 0.5 px beside the middle of the cells' centres.
    shifted = mirrored["xy"] + torch.tensor([1.0, 0.0])
    heatmaps = encode_heatmap(plain["xy"], plain["labelled"], **size)
    assert torch.allclose(encode_heatmap(shifted, mirrored["labelled"], **size), heatmaps[:, order].flip(3), atol=1e-5)


def test_turned_zoomed_and_mirrored_keypoints_stay_on_their_dots(workspace, section):
    jitter = {"rotation_degrees": 90.0, "scale_range": [0.8, 1.25], "flip_probability": 0.5, "shift_share": 0.1}
    data = data_of(workspace, section.model_copy(update=jitter | {"crop_height_px": 192, "crop_width_px": 160}))
    batch = data.batch(np.zeros(8, dtype=np.int64), [np.random.default_rng(seed) for seed in range(8)])
    limbs = np.arange(5, 17)  # the dots of the face overlap
    own_red, other_red = 10 * limbs / 255, 10 * flip_order(COCO_KEYPOINTS)[limbs] / 255
    mirrored = []
    for image, xy in zip(batch["images"], batch["xy"][:, limbs], strict=True):
        inside = ((xy >= 0) & (xy <= torch.tensor([159, 191]))).all(dim=1).numpy()
        columns, rows = xy.round().long().unbind(1)
        red = image[0, rows.clamp(0, 191), columns.clamp(0, 159)].numpy()
        straight, crossed = (np.abs(red - shade)[inside].max() for shade in (own_red, other_red))
        assert min(straight, crossed) < 0.02
        mirrored.append(crossed < straight)
    assert 0 < sum(mirrored) < 8
