"""The true flow goes where the keypoints go."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tasks.demo_corpus.canvas import NOBODY, PARTS_PER_PERSON
from tasks.demo_corpus.flow import TrueFlow, flows_of, write_flow
from tasks.demo_corpus.params import CorpusParams
from tasks.demo_corpus.scenes import Scene
from tasks.demo_corpus.staging import stage_video
from tasks.demo_corpus.truth import SEEN, people_of
from tasks.formats.kitti_flow import read_flow_png

SEED = 7
RIGID = {
    **{f"{side}_{joint}": ("upper_arm", "forearm") for side in ("left", "right") for joint in ("shoulder", "elbow")},
    **{f"{side}_{joint}": ("thigh", "shin") for side in ("left", "right") for joint in ("knee", "ankle")},
}
"""Keypoints, and the rigid parts that show them."""


@pytest.fixture(scope="module")
def calm(tiny: CorpusParams) -> CorpusParams:
    """Sharp frames close in time, large enough to measure."""
    return tiny.model_copy(
        update={"frames_per_second": 20.0, "width": 320, "height": 224, "frames_per_video": 4, "blur_subframes": 1}
    )


@pytest.mark.parametrize("number", [0, 1, 4, 5])
def test_keypoints_follow_the_flow(calm: CorpusParams, number: int) -> None:
    scene = stage_video(calm, seed=SEED, namespace="val", number=number)
    pairs = [pair for frame, true in enumerate(flows_of(scene)) for pair in seen_keypoints(scene, frame, true)]
    flow, moved = (np.array(column) for column in zip(*pairs, strict=True))
    errors = np.linalg.norm(flow - moved, axis=-1)
    assert len(errors) > 25
    # A keypoint lies inside the limb, the flow is that of its surface, which also turns.
    assert np.median(errors) < 0.3 + 0.05 * np.linalg.norm(moved, axis=-1).mean()
    assert (errors < 1.0 + 0.2 * np.linalg.norm(moved, axis=-1)).mean() > 0.95


def seen_keypoints(scene: Scene, frame: int, true: TrueFlow) -> list[tuple[np.ndarray, np.ndarray]]:
    """Flow at each seen keypoint that stays in view, and the keypoint's own movement."""
    canvas = scene.canvas(frame)
    now, then = (scene.moment(f) for f in (frame, frame + 1))
    pairs = []
    for person in people_of(scene, frame, canvas):
        figure = scene.figures[person.person]
        for name, parts in RIGID.items():
            column, row = np.round(person.positions[name]).astype(int)
            if person.states[name] != SEEN or not true.valid[row, column]:
                continue
            owner = int(canvas.owner[row, column]) - person.person * PARTS_PER_PERSON
            if 0 <= owner < len(figure.names) and figure.names[owner] in parts:
                pairs.append(
                    (true.flow[row, column].astype(float), figure.pixels[name][then] - figure.pixels[name][now])
                )
    return pairs


@pytest.mark.parametrize("number", [0, 4])
def test_the_next_picture_looks_the_same_along_the_flow(calm: CorpusParams, number: int) -> None:
    scene = stage_video(calm, seed=SEED, namespace="val", number=number)
    first, second = scene.canvas(0), scene.canvas(1)
    true = next(flows_of(scene))
    rows, columns = np.indices(first.owner.shape).astype(np.float32)
    moved = true.flow.astype(np.float32)
    warped = cv2.remap(second.colours, columns + moved[..., 0], rows + moved[..., 1], cv2.INTER_LINEAR)
    people = true.valid & (first.owner != NOBODY)
    along = np.abs(warped - first.colours)[people].mean()
    unmoved = np.abs(second.colours - first.colours)[people].mean()
    assert along < 0.4 * unmoved


def test_a_still_camera_has_a_still_background(calm: CorpusParams) -> None:
    scene = stage_video(calm, seed=SEED, namespace="val", number=7)
    background = scene.canvas(0).owner == NOBODY
    assert np.abs(next(flows_of(scene)).flow[background]).max() < 1e-3


def test_a_panning_camera_moves_the_background(calm: CorpusParams) -> None:
    scene = stage_video(calm, seed=SEED, namespace="val", number=4)
    background = scene.canvas(1).owner == NOBODY
    assert np.abs(list(flows_of(scene))[1].flow[background][:, 0]).mean() > 2


def test_what_is_hidden_next_is_not_valid(calm: CorpusParams) -> None:
    scene = stage_video(calm, seed=SEED, namespace="val", number=0)
    before, after, true = scene.canvas(0), scene.canvas(1), next(flows_of(scene))
    newly_covered = (before.owner == NOBODY) & (after.owner != NOBODY)
    assert newly_covered.any()
    assert not true.valid[newly_covered].any()


def test_it_is_written_per_video_and_frame_pair(tmp_path: Path, tiny: CorpusParams) -> None:
    corpus = tiny.model_copy(update={"val_videos": 1, "frames_per_video": 3})
    write_flow(tmp_path, corpus, seed=SEED, report=lambda *_: None)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert files == ["020001_mpii_demo/000000.png", "020001_mpii_demo/000001.png"]
    flow, valid = read_flow_png(tmp_path / files[0])
    true = next(flows_of(stage_video(corpus, seed=SEED, namespace="val", number=0)))
    assert np.abs(flow - true.flow).max() <= 1 / 64
    assert np.array_equal(valid, true.valid)
    assert 0.5 < valid.mean() < 1


def test_the_corpus_holds_some_of_it_for_validation(corpus_root: Path) -> None:
    flow = corpus_root / "posetrack" / "flow"
    files = sorted(path.relative_to(flow).as_posix() for path in flow.rglob("*.png"))
    assert files == ["val/020001_mpii_demo/000005.png", "val/020002_mpii_demo/000005.png"]
    assert read_flow_png(flow / files[0])[0].shape == (112, 160, 2)
