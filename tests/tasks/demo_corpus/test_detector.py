"""The simulated detector is as bad as its rates say, and worse where a real one is."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.demo_corpus.detector import Detection, Detector, miss_probability
from tasks.demo_corpus.params import CorpusParams, DetectorParams
from tasks.demo_corpus.scenes import Scene
from tasks.demo_corpus.staging import stage_video
from tasks.demo_corpus.truth import PersonTruth, people_of

SEED = 7


@pytest.fixture(scope="module")
def scene(tiny: CorpusParams) -> Scene:
    return stage_video(tiny, seed=SEED, namespace="train", number=7)


@pytest.fixture(scope="module")
def person(scene: Scene) -> PersonTruth:
    """One stroller in full view, not moving during the exposure."""
    return replace(people_of(scene, 0, scene.canvas(0))[0], visible_share=1.0, speed_px=0.0)


def perfect(params: DetectorParams, **changes: float) -> DetectorParams:
    """No fault but those asked for."""
    zeros = {
        name: 0.0 for name in type(params).model_fields if name not in ("blur_reference_px", "false_positive_locations")
    }
    return params.model_copy(update=zeros | changes)


@pytest.mark.parametrize(
    ("visible_share", "speed_px", "probability"),
    [
        (1.0, 0.0, 0.02),
        (0.5, 0.0, 0.02 + 0.25 * 0.8),
        (0.0, 0.0, 0.02 + 0.8),
        (1.0, 5.0, 0.02 + 0.5 * 0.1),
        (1.0, 50.0, 0.02 + 0.1),
        (0.0, 50.0, 0.92),
    ],
)
def test_misses_grow_with_occlusion_and_blur(
    person: PersonTruth, detector_params: DetectorParams, visible_share: float, speed_px: float, probability: float
) -> None:
    rates = {"miss_rate": 0.02, "miss_rate_occluded": 0.8, "miss_rate_blurred": 0.1, "blur_reference_px": 10.0}
    seen = replace(person, visible_share=visible_share, speed_px=speed_px)
    assert miss_probability(seen, detector_params.model_copy(update=rates)) == pytest.approx(probability)


def found_over(scene: Scene, params: DetectorParams, person: PersonTruth, frames: int) -> list[list[Detection]]:
    detector = Detector(scene, params)
    return [detector.detect(0, [person]) for _ in range(frames)]


def test_fewer_are_found_when_hidden(scene: Scene, person: PersonTruth, detector_params: DetectorParams) -> None:
    shares = []
    for visible in (1.0, 0.6, 0.2):
        runs = found_over(scene, detector_params, replace(person, visible_share=visible), 300)
        shares.append(np.mean([bool(run) and run[0].score > 0 for run in runs]))
    assert shares[0] > shares[1] > shares[2]


def test_a_perfect_detector_gives_the_silhouettes_box(
    scene: Scene, person: PersonTruth, detector_params: DetectorParams
) -> None:
    for run in found_over(scene, perfect(detector_params), person, 20):
        assert len(run) == 1
        assert run[0].box_xywh == pytest.approx(person.whole_box_xywh)


def test_rates_are_met(scene: Scene, person: PersonTruth, detector_params: DetectorParams) -> None:
    runs = found_over(scene, perfect(detector_params, miss_rate=0.3), person, 2000)
    assert np.mean([not run for run in runs]) == pytest.approx(0.3, abs=0.04)
    runs = found_over(scene, perfect(detector_params, upper_body_rate=0.25), person, 1000)
    assert np.mean([len(run) == 2 for run in runs]) == pytest.approx(0.25, abs=0.04)


def test_misses_come_in_runs(scene: Scene, person: PersonTruth, detector_params: DetectorParams) -> None:
    def repeats(persistence: float) -> float:
        params = perfect(detector_params, miss_rate=0.2, miss_persistence=persistence)
        missed = np.array([not run for run in found_over(scene, params, person, 2000)])
        return float(missed[1:][missed[:-1]].mean())

    assert repeats(0.0) == pytest.approx(0.2, abs=0.06)
    assert repeats(0.9) > 0.5


def test_an_upper_body_box_is_the_upper_half(
    scene: Scene, person: PersonTruth, detector_params: DetectorParams
) -> None:
    for run in found_over(scene, perfect(detector_params, upper_body_rate=1.0), person, 20):
        whole, upper = run
        assert upper.score < whole.score
        assert upper.box_xywh[:3] == pytest.approx(whole.box_xywh[:3])
        assert 0.4 < upper.box_xywh[3] / whole.box_xywh[3] < 0.62


def test_scores_mean_something(scene: Scene, person: PersonTruth, detector_params: DetectorParams) -> None:
    def mean_score(seen: PersonTruth) -> float:
        runs = found_over(scene, perfect(detector_params, score_noise=0.03), seen, 100)
        return float(np.mean([run[0].score for run in runs]))

    clear, hidden, blurred = person, replace(person, visible_share=0.5), replace(person, speed_px=30.0)
    assert mean_score(clear) > mean_score(blurred) > mean_score(hidden)
    ghosts = Detector(scene, perfect(detector_params, false_positive_rate=1.0)).detect(0, [])
    assert len(ghosts) >= 1
    assert max(ghost.score for ghost in ghosts) < mean_score(clear) - 0.2
