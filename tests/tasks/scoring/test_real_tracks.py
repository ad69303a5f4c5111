"""Real tracks against jittered, dropped and re-identified copies of themselves."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.scoring.run import Request, ScoreOutcome, score_folder

_ROOT = os.environ.get("CORRTRACK_REAL_DATA", "")
TRUTH = Path(_ROOT) / "posetrack18_gt"
pytestmark = pytest.mark.skipif(
    not _ROOT or not TRUTH.is_dir(), reason="CORRTRACK_REAL_DATA with posetrack18_gt/ is not set"
)
Change = Callable[[dict[str, Any], np.random.Generator], dict[str, Any] | None]


def copy_with(change: Change, folder: Path) -> ScoreOutcome:
    """Score a changed copy: `change` gets each person, and gives it back changed, or None to leave it out."""
    for path in sorted(TRUTH.glob("*.json")):
        rng = np.random.default_rng(0)
        data = json.loads(path.read_text())
        changed = [change(dict(entry), rng) for entry in data["annotations"]]
        data["annotations"] = [entry for entry in changed if entry is not None]
        (folder / "pred").mkdir(exist_ok=True)
        (folder / "pred" / path.name).write_text(json.dumps(data))
    return score_folder(Request(TRUTH, folder / "pred", folder / "out"))


def with_scores(entry: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return entry | {"scores": rng.random(17).tolist()}


def moved(entry: dict[str, Any], rng: np.random.Generator, *, heads: float) -> dict[str, Any]:
    """All present joints moved by `heads` head sizes in random directions."""
    keypoints = np.array(entry["keypoints"], dtype=float).reshape(17, 3)
    angle = rng.uniform(0, 2 * np.pi, 17)
    step = heads * 0.6 * float(np.hypot(*entry["bbox_head"][2:]))
    present = (keypoints != 0).any(axis=1)
    keypoints[present, :2] += (step * np.column_stack([np.cos(angle), np.sin(angle)]))[present]
    return with_scores(entry, rng) | {"keypoints": keypoints.ravel().tolist()}


@pytest.fixture(scope="module")
def perfect(tmp_path_factory: pytest.TempPathFactory) -> ScoreOutcome:
    return copy_with(with_scores, tmp_path_factory.mktemp("perfect"))


def annotated(outcome: ScoreOutcome) -> np.ndarray:
    return outcome.totals.counts.objects > 0


def test_the_copy_itself_is_perfect(perfect: ScoreOutcome) -> None:
    joints = np.append(annotated(perfect), False)
    assert perfect.sequence_count == 10
    assert joints.sum() == 14  # nobody's nose is annotated
    assert np.allclose(perfect.totals.mot.mota[joints], 100)
    assert np.allclose(perfect.totals.ap.recall[joints], 100)
    assert perfect.totals.counts.switches.sum() == 0
    assert perfect.totals.counts.matched_distance_sum.sum() == 0


def test_jitter_within_the_threshold_costs_localisation_only(perfect: ScoreOutcome, tmp_path: Path) -> None:
    outcome = copy_with(lambda entry, rng: moved(entry, rng, heads=0.2), tmp_path)
    joints = annotated(outcome)
    counts = outcome.totals.counts
    assert np.allclose(counts.matched_distance_sum[joints] / counts.detections[joints], 0.2, atol=0.03)
    assert (outcome.totals.mot.recall[:15][joints] > 99).all()
    assert outcome.totals.mot.motp[15] < perfect.totals.mot.motp[15] - 30  # every pair counts twice


def test_jitter_beyond_the_threshold_finds_almost_nobody(tmp_path: Path) -> None:
    outcome = copy_with(lambda entry, rng: moved(entry, rng, heads=2.0), tmp_path)
    assert outcome.totals.mot.recall[15] < 10
    assert outcome.totals.mot.mota[15] < -70


def test_dropped_persons_are_misses_and_nothing_else(perfect: ScoreOutcome, tmp_path: Path) -> None:
    outcome = copy_with(lambda entry, rng: with_scores(entry, rng) if rng.random() < 0.8 else None, tmp_path)
    counts = outcome.totals.counts
    joints = annotated(perfect)
    one_sided = counts.objects[~joints]  # each of those frames is one miss and one false positive of every joint
    assert counts.switches.sum() == 0
    assert (counts.false_positives == one_sided).all()
    assert np.allclose(outcome.totals.mot.recall[:15][joints], 80, atol=6)


def test_other_identities_are_switches_and_nothing_else(perfect: ScoreOutcome, tmp_path: Path) -> None:
    def renamed(entry: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        half = 500 if entry["image_id"] % 100 >= 50 else 0
        return with_scores(entry, rng) | {"track_id": entry["track_id"] + half}

    outcome = copy_with(renamed, tmp_path)
    counts = outcome.totals.counts
    assert counts.misses.sum() == perfect.totals.counts.misses.sum()
    assert counts.switches.sum() > 0
    assert np.array_equal(outcome.totals.ap.recall, perfect.totals.ap.recall, equal_nan=True)
    expected = 100 * (1 - counts.switches / np.maximum(1, counts.objects))
    assert np.allclose(outcome.totals.mot.mota[:15][annotated(outcome)], expected[annotated(outcome)])
