"""Scores of every variant on every video of a corpus, as one file that appears whole."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from models.metrics.average_precision import LabelledPredictions
from models.metrics.clear_mot import MotCounts
from tasks.tracker_evaluation.metrics import VideoScore
from tasks.whole_files import whole_file


@dataclass(frozen=True)
class CorpusScores:
    """What was measured on one corpus."""

    seed: int
    videos: list[str]
    tags: list[list[str]]
    """What is hard in each video."""
    frames: int
    variants: dict[str, list[VideoScore]]
    """By variant, one for each video."""
    training: int = 1
    """Number of the training whose correspondence network tracked them."""


def write_scores(path: Path, scores: CorpusScores) -> None:
    """Write the scores as safetensors, named `<variant>|<video's number>|<part>.<field>`."""
    arrays = {
        f"{variant}|{number}|{part}.{field.name}": np.ascontiguousarray(getattr(getattr(score, part), field.name))
        for variant, of_videos in scores.variants.items()
        for number, score in enumerate(of_videos)
        for part in ("evidence", "counts")
        for field in fields(getattr(score, part))
    }
    facts = {name: getattr(scores, name) for name in ("seed", "videos", "tags", "frames", "training")}
    with whole_file(path) as partial:
        save_file(arrays, partial, metadata={"corpus": json.dumps(facts | {"variants": list(scores.variants)})})


def read_scores(path: Path) -> CorpusScores:
    """The scores that `write_scores` wrote."""
    with safe_open(path, framework="numpy") as file:
        facts = json.loads(file.metadata()["corpus"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    variants = {
        variant: [_video_score(arrays, f"{variant}|{number}") for number in range(len(facts["videos"]))]
        for variant in facts.pop("variants")
    }
    return CorpusScores(**facts, variants=variants)


def _video_score(arrays: dict[str, Any], prefix: str) -> VideoScore:
    parts = [
        {field.name: arrays[f"{prefix}|{part}.{field.name}"] for field in fields(kind)}
        for part, kind in (("evidence", LabelledPredictions), ("counts", MotCounts))
    ]
    return VideoScore(LabelledPredictions(**parts[0]), MotCounts(**parts[1]))
