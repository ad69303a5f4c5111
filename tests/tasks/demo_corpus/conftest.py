"""A corpus of every script and every kind of picture, small enough to be written in seconds."""

from pathlib import Path

import pytest

from tasks.demo_corpus.corpus import synthesise
from tasks.demo_corpus.params import CorpusParams, DetectorParams

SEED = 7


@pytest.fixture(scope="session")
def detector_params() -> DetectorParams:
    return DetectorParams(
        miss_rate=0.03,
        miss_rate_occluded=0.9,
        miss_rate_blurred=0.15,
        blur_reference_px=12.0,
        miss_persistence=0.5,
        jitter=0.025,
        upper_body_rate=0.1,
        full_body_rate=0.1,
        false_positive_rate=0.1,
        false_positive_locations=3,
        crowd_rate=0.3,
        score_noise=0.05,
    )


@pytest.fixture(scope="session")
def tiny(detector_params: DetectorParams) -> CorpusParams:
    return CorpusParams(
        coco_train_images=30,
        coco_val_images=4,
        train_videos=8,
        val_videos=2,
        frames_per_video=7,
        frames_per_second=6.0,
        width=160,
        height=112,
        jpeg_quality=75,
        blur_subframes=3,
        detector=detector_params,
    )


@pytest.fixture(scope="session")
def corpus_root(tiny: CorpusParams, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus") / "data"
    synthesise(root, tiny, seed=SEED)
    return root
