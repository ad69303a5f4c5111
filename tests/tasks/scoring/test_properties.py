"""What must hold on worlds without ties, empty frames, degenerate heads and ignore regions, and a named example where
each of those exceptions breaks it in the official numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.formats.posetrack_conversion import posetrack17_from_18
from tasks.scoring.run import ScoreOutcome

Frames = list[list[dict[str, Any]]]
Files = dict[str, tuple[Frames, Frames]]
SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=12)


def make_files(world: Any, seed: int) -> Files:
    """Two or three sequences: frames of annotated persons, and predictions with jitter, gaps and other identities."""
    rng = np.random.default_rng(seed)
    files: Files = {}
    for index in range(int(rng.integers(2, 4))):
        truth, predicted = [], []
        for frame in range(int(rng.integers(3, 6))):
            positions = [250 * person + 5 * frame for person in range(int(rng.integers(2, 4)))]
            truth.append([world.person(person, x) for person, x in enumerate(positions)])
            detected = [person for person in range(len(positions)) if not person or rng.random() < 0.8]
            predicted.append(
                [jittered(world, positions[person], person + 10 * (frame // 2), rng) for person in detected]
            )
        files[f"00000{index + 1}_mpii_test"] = (truth, predicted)
    return files


def jittered(world: Any, x: float, identity: int, rng: np.random.Generator) -> dict[str, Any]:
    """A predicted person near x, each of its joints with a score of its own."""
    entry = world.person(identity, x)
    keypoints = np.array(entry["keypoints"]).reshape(17, 3)
    keypoints[:, :2] += rng.normal(0, 7, (17, 2))
    return {"track_id": identity, "keypoints": keypoints.ravel().tolist(), "scores": rng.random(17).tolist()}


@pytest.fixture(scope="module")
def scored(world_class: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ScoreOutcome]:
    """Writes files into a fresh folder and scores them."""

    def score(files: Files, *, as_17: bool = False) -> ScoreOutcome:
        world = world_class(tmp_path_factory.mktemp("world"))
        for name, sides in files.items():
            for side, frames in zip(("gt", "pred"), sides, strict=True):
                data = world.posetrack18(name, frames)
                world.write_json(side, name, posetrack17_from_18(name, data) if as_17 else data)
        return world.score()

    return score


def numbers(outcome: ScoreOutcome) -> np.ndarray:
    """All numbers of an outcome in a row."""
    totals = outcome.totals
    parts = [*vars(totals.ap).values(), *vars(totals.mot).values(), *vars(totals.counts).values()]
    return np.concatenate([*parts, *totals.hota.values()])


@FEW
@given(seed=SEEDS)
def test_the_order_of_sequences_changes_nothing(seed: int, scored: Any, world_class: Any) -> None:
    files = make_files(world_class(Path()), seed)
    turned = dict(zip(files, reversed(files.values()), strict=True))
    assert np.allclose(numbers(scored(files)), numbers(scored(turned)), equal_nan=True, atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_the_order_of_persons_changes_nothing(seed: int, scored: Any, world_class: Any) -> None:
    files = make_files(world_class(Path()), seed)
    turned = {name: tuple([frame[::-1] for frame in side] for side in sides) for name, sides in files.items()}
    assert np.allclose(numbers(scored(files)), numbers(scored(turned)), equal_nan=True, atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_consistent_renaming_of_identities_changes_nothing(seed: int, scored: Any, world_class: Any) -> None:
    files = make_files(world_class(Path()), seed)
    renamed = {
        name: tuple(
            [[{**it, "track_id": 997 - 7 * it["track_id"]} for it in frame] for frame in side] for side in sides
        )
        for name, sides in files.items()
    }
    assert np.allclose(numbers(scored(files)), numbers(scored(renamed)), equal_nan=True, atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_a_perfect_track_more_never_lowers_mota(seed: int, scored: Any, world_class: Any) -> None:
    world = world_class(Path())
    files = make_files(world, seed)
    more = {
        name: (with_track(world, truth), with_track(world, predicted)) for name, (truth, predicted) in files.items()
    }
    assert (scored(more).totals.mot.mota >= scored(files).totals.mot.mota - 1e-9).all()


def with_track(world: Any, frames: Frames) -> Frames:
    return [[*frame, world.person(500, 5000, score=1.5 + index)] for index, frame in enumerate(frames)]


@FEW
@given(seed=SEEDS)
def test_ground_truth_against_itself_is_100(seed: int, scored: Any, world_class: Any) -> None:
    files = {name: (truth, truth) for name, (truth, _) in make_files(world_class(Path()), seed).items()}
    totals = scored(files).totals
    for values in (totals.ap.ap, totals.mot.mota, totals.mot.motp, totals.hota["HOTA"], totals.hota["FA-HOTA"]):
        assert np.allclose(values, 100)


@FEW
@given(seed=SEEDS)
def test_both_formats_agree(seed: int, scored: Any, world_class: Any) -> None:
    files = make_files(world_class(Path()), seed)
    assert np.array_equal(numbers(scored(files)), numbers(scored(files, as_17=True)), equal_nan=True)


def test_with_ties_the_order_of_persons_matters(world: Any, scored: Any) -> None:
    truth = [[world.person(0, 50), world.person(1, 450)]] * 2
    predicted = [[world.person(0, 50, score=0.5), world.person(2, 900, score=0.5)]] * 2
    ap = scored({"000001_mpii_test": (truth, predicted)}).totals.ap.ap[0]
    turned = scored({"000001_mpii_test": (truth, [frame[::-1] for frame in predicted])}).totals.ap.ap[0]
    assert ap != turned


def test_with_an_empty_frame_a_perfect_track_more_lowers_mota(world: Any, scored: Any) -> None:
    crowd = [world.person(identity, 400 * identity) for identity in range(4)]
    truth, predicted = [crowd] * 3, [crowd, [], []]
    before = scored({"000001_mpii_test": (truth, predicted)}).totals.mot.mota[15]
    after = scored({"000001_mpii_test": (with_track(world, truth), with_track(world, predicted))}).totals.mot.mota[15]
    assert before == pytest.approx(100 * (1 - 2 / 5))  # one miss and one false positive of 4 + 1 objects
    assert after == pytest.approx(100 * (1 - 4 / 10))  # four misses of 5 + 5


def test_with_a_degenerate_head_ground_truth_against_itself_is_not_100(world: Any, scored: Any) -> None:
    flat = [[world.person(0, 50, bbox_head=[50, 50, 0, 0])]] * 3
    totals = scored({"000001_mpii_test": (flat, flat)}).totals
    assert totals.mot.mota[15] == -100
    assert totals.ap.ap[15] == 0
    assert totals.hota is None


def test_in_an_ignore_region_a_perfect_track_more_changes_nothing(world: Any) -> None:
    region = {"ignore_regions_x": [[4000, 6000, 6000, 4000]], "ignore_regions_y": [[0, 0, 500, 500]]}
    frames = [[world.person(0, 50, score=0.9 - 0.1 * index)] for index in range(3)]
    predicted = []
    for more in (frames, with_track(world, frames)):
        for side in ("gt", "pred"):
            data = world.posetrack18("000001_mpii_test", more)
            for image in data["images"]:
                image.update(region)
            world.write_json(side, "000001_mpii_test", data)
        predicted.append(numbers(world.score()))
    assert np.array_equal(*predicted, equal_nan=True)
