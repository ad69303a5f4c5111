"""What `recover` writes, against the definitions worked out one keypoint at a time."""

import cv2
import numpy as np
import pytest
import torch

from models.networks.correspondence import load_correspondence
from models.weight_files import save_weights

SIDE = 64
"""Pixels of the fitted frame."""
CELLS = SIDE // 4


@pytest.fixture
def walked(corpus, params, change):
    """A video of 3 frames, recovered with a query threshold that splits the keypoints."""
    corpus.video("a", 3)
    corpus.write()
    corpus.two_walkers("a", 3)
    corpus.run(change(params, recover={"query_keypoint_threshold": 0.52}), "estimate", "recover")
    return corpus


def features(corpus, network, frame_index):
    """Features of a frame fitted into the square: 80 x 64 px at scale 0.8, centre to centre."""
    path = corpus.workspace.data / f"posetrack/images/val/a/{frame_index:06}.jpg"
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    affine = np.array([[0.8, 0.0, 32 - 0.8 * 40], [0.0, 0.8, 32 - 0.8 * 32]])
    square = cv2.warpAffine(picture, affine, (SIDE, SIDE))
    image = torch.from_numpy(square).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        return network.features(image)


def cell(x, y):
    """Row and column of a picture position: fitted, then floor(px / 4)."""
    return int(np.floor((0.8 * y + 6.4) / 4)), int(np.floor(0.8 * x / 4))


def siamese_map(source, target, row, column):
    """Equations 1 and 2 for one keypoint, in plain loops over the 3 x 3 patch."""
    if not (0 <= row < CELLS and 0 <= column < CELLS):
        return np.zeros((CELLS, CELLS))
    first, second = (each[0].double().numpy() for each in (source, target))
    first, second = (each / np.sqrt((each**2).sum(axis=0)) for each in (first, second))
    first, second = (np.pad(each, ((0, 0), (1, 1), (1, 1))) for each in (first, second))
    score = np.zeros((CELLS, CELLS))
    for y in range(3):
        for x in range(3):
            score += np.tensordot(first[:, row + y, column + x], second[:, y : y + CELLS, x : x + CELLS], axes=1)
    likely = np.exp(score - score.max())
    return likely / likely.sum()


def maps_of(corpus, network, pose, target_frame):
    """Maps S and C (17,16,16) of one pose onto a frame."""
    source, target = features(corpus, network, pose["frame_index"]), features(corpus, network, target_frame)
    siamese = np.stack(
        [
            siamese_map(source, target, *cell(x, y)) if score >= np.float32(0.52) else np.zeros((CELLS, CELLS))
            for x, y, score in zip(pose["x"], pose["y"], pose["score"], strict=True)
        ]
    )
    with torch.inference_mode():
        logits = network.refinement(source, target, torch.from_numpy(siamese).float()[None])
    return {"siamese": siamese, "refined": logits[0].sigmoid().double().numpy()}


def test_affinities_are_the_maps_read_at_the_keypoints(walked):
    network = load_correspondence(walked.workspace.weights("correspondence"))
    poses = {row["pose_id"]: row for name in ("poses", "recovered_poses") for row in walked.table(name, "a")}
    rows = walked.table("affinities", "a")
    assert any(score < 0.52 for pose in poses.values() for score in pose["score"])
    maps = {}
    for row in rows:
        key = row["source_pose_id"], row["target_frame_index"]
        maps.setdefault(key, maps_of(walked, network, poses[key[0]], key[1]))
        target = poses[row["target_pose_id"]]
        for kind in ("siamese", "refined"):
            for joint, (x, y) in enumerate(zip(target["x"], target["y"], strict=True)):
                position = cell(x, y)
                inside = min(position) >= 0 and max(position) < CELLS
                expected = maps[key][kind][joint][position] if inside else 0.0
                assert row[kind][joint] == pytest.approx(expected, abs=2e-5)


def test_correspondences_are_the_peaks_brought_back_to_the_picture(walked):
    network = load_correspondence(walked.workspace.weights("correspondence"))
    poses = {row["pose_id"]: row for name in ("poses", "recovered_poses") for row in walked.table(name, "a")}
    for row in walked.table("correspondences", "a"):
        maps = maps_of(walked, network, poses[row["source_pose_id"]], row["target_frame_index"])
        for kind in ("siamese", "refined"):
            for joint in range(17):
                value = maps[kind][joint]
                assert row[f"{kind}_peak"][joint] == pytest.approx(value.max(), abs=2e-5)
                x, y = row[f"{kind}_x"][joint] * 0.8, row[f"{kind}_y"][joint] * 0.8 + 6.4
                column, row_of_cell = round((x - 2) / 4), round((y - 2) / 4)
                assert (x, y) == pytest.approx((4 * column + 2, 4 * row_of_cell + 2), abs=1e-4)
                assert value[row_of_cell, column] == pytest.approx(value.max(), abs=2e-5)


@pytest.mark.parametrize(
    ("trained", "expected"),
    [
        ([52.0, 80.0], []),
        ([80.0, 128.0], []),
        (
            [96.0, 160.0],
            [
                "recover.frame_size_px is 64, but the correspondence network was trained with pictures fitted "
                "into 96 to 160 px: expect poorer correspondences"
            ],
        ),
        (
            [24.0, 48.0],
            [
                "recover.frame_size_px is 64, but the correspondence network was trained with pictures fitted "
                "into 24 to 48 px: expect poorer correspondences"
            ],
        ),
        (None, []),
    ],
)
def test_frames_far_from_the_size_of_the_training_are_reported(corpus, params, change, trained, expected):
    corpus.video("a", 2)
    corpus.write()
    corpus.two_walkers("a", 2)
    path = corpus.workspace.weights("correspondence")
    network = load_correspondence(path)
    stated = {} if trained is None else {"fit_px_range": trained}
    save_weights(path, network, kind="correspondence", architecture=network.architecture, params=stated)
    progress = corpus.run(change(params, recover={"frame_size_px": 64}), "estimate", "recover")
    assert list(progress.notices) == expected
