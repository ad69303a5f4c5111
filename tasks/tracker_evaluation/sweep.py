"""One sweep for every method: the acceptance threshold with the best MOTA on the training split."""

from collections.abc import Sequence

import numpy as np

from tasks.params.track import TrackParams
from tasks.tracker_evaluation.methods import Evidences, by_correspondences, similarities_to_next, track
from tasks.tracker_evaluation.metrics import Figures, score_tracks
from tasks.tracker_evaluation.videos import TrialVideo

Prepared = Sequence[tuple[TrialVideo, Evidences]]
"""Videos with what one method says of them."""


def prepare(trials: Sequence[TrialVideo], section: TrackParams) -> Prepared:
    """The videos with equation 6 of each."""
    return [(trial, by_correspondences(trial, section)) for trial in trials]


def score_method(prepared: Prepared, section: TrackParams, *, with_recovered: bool = True) -> Figures:
    """Figures of one method at the thresholds of `section`."""
    pairs = []
    for trial, evidences in prepared:
        tracks = track(trial, evidences, section, with_recovered=with_recovered)
        pairs.append((trial.video_id, trial.truth, trial.tracked(trial.evidence, tracks)))
    return score_tracks(pairs, output_keypoint_threshold=section.output_keypoint_threshold)


def choose_min_similarity(prepared: Prepared, section: TrackParams, quantiles: Sequence[float]) -> float | None:
    """The threshold, out of the quantiles of the method's similarities, with the best MOTA; ties to the lowest.

    None where there is nothing to choose on.
    """
    values = np.concatenate([np.zeros(0), *(similarities_to_next(*one) for one in prepared)])
    if not len(values):
        return None
    candidates = sorted({round(float(value), 4) for value in np.quantile(values, quantiles)})
    motas = [score_method(prepared, at(section, candidate)).mota for candidate in candidates]
    return candidates[int(np.nanargmax(motas))] if np.isfinite(motas).any() else None


def at(section: TrackParams, min_similarity: float) -> TrackParams:
    """The section with another acceptance threshold."""
    return section.model_copy(update={"min_similarity": min_similarity})
