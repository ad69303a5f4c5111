"""A warped keypoint is where the second picture shows it: dots are painted, found again, and compared."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fields.affinity_map import encode_affinity_map
from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS
from tasks.training.pair_data import PairData
from tasks.training.persons import AnnotatedPersons
from tasks.training.pictures import PictureLocation

SIZE = 96

SHOULDERS = [COCO_KEYPOINTS.index(name) for name in ("left_shoulder", "right_shoulder")]
COCO_HIPS = [COCO_KEYPOINTS.index(name) for name in ("left_hip", "right_hip")]
LEFT_WRIST = POSETRACK_KEYPOINTS.index("left_wrist")


def persons_at(points: np.ndarray, labelled: np.ndarray | None = None) -> AnnotatedPersons:
    """COCO persons (N,17,2) in one picture."""
    count = len(points)
    labelled = np.ones((count, 17), dtype=bool) if labelled is None else labelled
    empty = np.full((count, 4), 50.0)
    return AnnotatedPersons(
        locations=(PictureLocation("dots.png"),),
        picture=np.zeros(count, dtype=np.int64),
        box_xywh=empty,
        box_head_xywh=empty,
        area=np.ones(count),
        x=points[..., 0],
        y=points[..., 1],
        labelled=labelled,
        identity=np.full(count, -1),
        image_id=("0",) * count,
        digest="",
    )


@pytest.fixture(scope="session")
def pair_section(params, changed):
    plain = {"size_px": 64, "fit_px_range": [64.0, 96.0], "drop_keypoint_probability": 0.0, "brightness": 0.0}
    return lambda **values: (
        changed(params, "train_siamese", **(plain | {"blur_px": 0.0, "extra_points": 0} | values)).train_siamese
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    degrees=st.floats(0, 180),
    shift=st.floats(0, 0.5),
    zoom=st.floats(1.0, 1.6),
    flip=st.sampled_from([0.0, 1.0]),
    bend=st.sampled_from([0.0, 0.3, 0.6]),
)
def test_the_target_cell_is_where_the_dot_is_seen(
    tmp_path_factory, pair_section, seed, degrees, shift, zoom, flip, bend
):
    folder = tmp_path_factory.mktemp("dots")
    position = np.random.default_rng(seed).uniform(20, SIZE - 20, 2)
    picture = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    cv2.circle(picture, [round(float(value) * 16) for value in position], 48, (255, 255, 255), -1, cv2.LINE_AA, 4)
    cv2.imwrite(str(folder / "dots.png"), picture)
    section = pair_section(
        rotation_degrees=degrees,
        translation_share=shift,
        scale_range=[1 / zoom, zoom],
        flip_probability=flip,
        truncation_probability=0.0,
        deformation_slope=bend,
    )
    pair = PairData(folder, persons_at(np.tile(position, (1, 17, 1))), "coco", section).pair(
        0, np.random.default_rng(seed)
    )
    for view, xy, seen in ((pair.first, pair.first_xy, pair.labelled), (pair.second, pair.second_xy, pair.shown)):
        x, y = xy[0, LEFT_WRIST]
        if seen[0, LEFT_WRIST] and min(x, y) >= 5 and max(x, y) < 64 - 5:
            weight = view[..., 0].astype(float)
            rows, columns = np.indices(weight.shape)
            centre = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
            assert np.abs(centre - [x, y]).max() < 0.3 + 0.3 * bend  # a bent dot is not quite round
    targets = encode_affinity_map(*_tensors(pair), height=16, width=16)
    assert (targets.sum(dim=(2, 3)).bool().numpy() == pair.shown).all()


def _tensors(pair):
    import torch

    return torch.from_numpy(pair.second_xy), torch.from_numpy(pair.shown)


@pytest.fixture
def corner_picture(tmp_path):
    """The picture's left half is red, so that a mirror shows."""
    picture = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    picture[:, : SIZE // 2] = (0, 0, 255)
    cv2.imwrite(str(tmp_path / "dots.png"), picture)
    return tmp_path


def test_a_mirrored_picture_keeps_left_on_the_same_point(pair_section, corner_picture):
    points = np.tile(np.array([30.0, 48.0]), (1, 17, 1))
    section = pair_section(
        flip_probability=1.0,
        rotation_degrees=0.0,
        translation_share=0.0,
        scale_range=[1.0, 1.0],
        fit_px_range=[64.0, 64.0],
        truncation_probability=0.0,
    )
    pair = PairData(corner_picture, persons_at(points), "coco", section).pair(0, np.random.default_rng(0))
    assert pair.first[32, 10, 0] == 255
    assert pair.second[32, 10, 0] == 0
    assert (pair.second == pair.first[:, ::-1]).all()
    assert pair.second_xy[0, LEFT_WRIST, 0] == pytest.approx(63 - pair.first_xy[0, LEFT_WRIST, 0])


def test_what_a_truncation_covers_has_no_target(pair_section, tmp_path):
    cv2.imwrite(str(tmp_path / "dots.png"), np.zeros((SIZE, SIZE, 3), dtype=np.uint8))
    points = np.random.default_rng(3).uniform(10, SIZE - 10, (2, 17, 2))
    section = pair_section(truncation_probability=1.0, translation_share=0.0)
    data, hidden = PairData(tmp_path, persons_at(points), "coco", section), 0
    for seed in range(20):
        pair = data.pair(0, np.random.default_rng(seed))
        cells = np.clip(np.floor(pair.second_xy + 0.5).astype(int), 0, 63)
        blank = pair.second[cells[..., 1], cells[..., 0]].any(axis=-1)
        inside = ((pair.second_xy >= 0) & (pair.second_xy < 64)).all(axis=-1)
        assert (pair.shown == (pair.labelled & inside & ~blank)).all()
        hidden += int((blank & inside & pair.labelled).sum())
    assert hidden > 20


def test_keypoints_that_left_are_labelled_but_not_shown(pair_section, tmp_path):
    cv2.imwrite(str(tmp_path / "dots.png"), np.zeros((SIZE, SIZE, 3), dtype=np.uint8))
    points = np.random.default_rng(3).uniform(2, SIZE - 2, (1, 17, 2))
    section = pair_section(truncation_probability=0.0, translation_share=0.5)
    data = PairData(tmp_path, persons_at(points), "coco", section)
    pairs = [data.pair(0, np.random.default_rng(seed)) for seed in range(20)]
    assert any((pair.labelled & ~pair.shown).any() for pair in pairs)
    for pair in pairs:
        outside = ((pair.second_xy < 0) | (pair.second_xy >= 64)).any(axis=-1)
        assert not (pair.shown & outside).any()
        assert ((pair.first_xy >= 0) & (pair.first_xy < 64)).all(axis=-1)[pair.labelled].all()


def test_a_batch_holds_no_more_persons_than_allowed(pair_section, tmp_path):
    cv2.imwrite(str(tmp_path / "dots.png"), np.zeros((SIZE, SIZE, 3), dtype=np.uint8))
    points = np.random.default_rng(3).uniform(10, SIZE - 10, (9, 17, 2))
    data = PairData(tmp_path, persons_at(points), "coco", pair_section(max_persons=3))
    batch = data.batch(np.array([0, 0]), [np.random.default_rng(seed) for seed in (1, 2)])
    assert batch["first"].shape == batch["second"].shape == (2, 3, 64, 64)
    assert batch["labelled"].shape == batch["shown"].shape == (2, 3, 17)
    assert batch["first_xy"].shape == (2, 3, 17, 2)


def test_on_another_background_only_the_body_has_targets(pair_section, tmp_path):
    """The person's picture is red, the other blue: a shown keypoint stands on red, a hidden one on blue."""
    for name, colour in (("dots.png", (0, 0, 255)), ("other.png", (255, 0, 0))):
        cv2.imwrite(str(tmp_path / name), np.full((SIZE, SIZE, 3), colour, dtype=np.uint8))
    body = np.tile(np.array([48.0, 48.0]), (17, 1))
    body[SHOULDERS], body[COCO_HIPS] = [(40, 40), (56, 40)], [(42, 62), (54, 62)]
    body[COCO_KEYPOINTS.index("left_ear")] = (4.0, 90.0)
    points, labelled = np.stack([body, body]), np.array([[True] * 17, [False] * 17])
    locations = (PictureLocation("dots.png"), PictureLocation("other.png"))
    persons = replace(persons_at(points, labelled), locations=locations, picture=np.array([0, 1]))
    plain = {
        "truncation_probability": 0.0,
        "translation_share": 0.0,
        "rotation_degrees": 0.0,
        "scale_range": [1.0, 1.0],
    }
    section = pair_section(other_background=1.0, fit_px_range=[64.0, 64.0], **plain)
    pair = PairData(tmp_path, persons, "coco", section).pair(0, np.random.default_rng(0))
    column, row = np.rint(pair.second_xy[0]).astype(int).T
    ear = POSETRACK_KEYPOINTS.index("left_ear")
    assert pair.labelled[0].sum() - pair.shown[0].sum() == 1
    assert pair.labelled[0, ear] and not pair.shown[0, ear]
    assert (pair.second[row, column, 0] > 128).tolist() == pair.shown[0].tolist()
    assert pair.second[2, 2].tolist() == [0, 0, 255]
    assert (pair.first == [255, 0, 0]).all()
