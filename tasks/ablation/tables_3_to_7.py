"""Tables 3 to 7: arithmetic on tracks, poses and affinities that are there already."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.params.track import TrackParams
from tasks.tables.schemas import MERGED_TRACKS, TRACKS, Table
from tasks.tracker_evaluation.methods import track
from tasks.tracker_evaluation.metrics import Figures, score_tracks
from tasks.tracker_evaluation.sweep import prepare, score_method
from tasks.tracker_evaluation.videos import TrialVideo

Row = dict[str, Any]
Trials = Sequence[TrialVideo]


def table_3(trials: Trials, section: TrackParams, thresholds: Sequence[float]) -> list[Row]:
    """Output joint threshold, for detected poses and for detected and recovered poses; each tracked once."""
    rows = []
    for with_recovered, poses in ((False, "detected"), (True, "detected and recovered")):
        tracks = [
            (
                trial.video_id,
                trial.truth,
                trial.tracked(trial.evidence, track(trial, evidences, section, with_recovered=with_recovered)),
            )
            for trial, evidences in prepare(trials, section)
        ]
        for threshold in thresholds:
            figures = score_tracks(tracks, output_keypoint_threshold=threshold)
            rows.append({"output_keypoint_threshold": threshold, "poses": poses} | _percents(figures))
    return rows


def table_4(trials: Trials) -> list[Row]:
    """Average precision per joint of the tracked poses, nothing left out by a threshold."""
    figures = _stored(trials, TRACKS, 0.0)
    groups = {group: defined(value) for group, value in figures.group_ap.items()}
    return [{"method": "this run"} | groups | {"mAP": defined(figures.mean_ap)}]


def table_5(trials: Trials, threshold: float) -> list[Row]:
    """Tracks and merged tracks, as the stages `track` and `merge` left them."""
    return [
        {"method": name} | _percents(_stored(trials, table, threshold))
        for name, table in (("this run, merged", MERGED_TRACKS), ("this run", TRACKS))
    ]


def table_6(trials: Trials, section: TrackParams, values: Sequence[float]) -> list[Row]:
    """The threshold of equation 6."""
    return [{"tau_corr": value} | _percents(with_changes(trials, section, tau_corr=value)) for value in values]


def table_7(trials: Trials, section: TrackParams, without_refinement: Trials) -> list[Row]:
    """Refinement and duplicate removal; `without_refinement` are the same videos, recovered on the maps S."""
    designs = {
        "correspondence tracking": with_changes(trials, section),
        "without refinement": with_changes(without_refinement, section, maps="siamese"),
        "without duplicate removal": with_changes(trials, section, duplicate_removal=False),
    }
    return [{"design": name} | _percents(figures) | {"IDSW": figures.switches} for name, figures in designs.items()]


def defined(value: float) -> float | None:
    """The value, or None for NaN, which JSON has no word for."""
    return None if np.isnan(value) else round(value, 6)


def with_changes(trials: Trials, section: TrackParams, **changes: Any) -> Figures:
    """Figures with other values of some keys of the section `track`."""
    changed = section.model_copy(update=changes)
    return score_method(prepare(trials, changed), changed)


def _stored(trials: Trials, table: Table, threshold: float) -> Figures:
    pairs = [(trial.video_id, trial.truth, trial.stored(table)) for trial in trials]
    return score_tracks(pairs, output_keypoint_threshold=threshold)


def _percents(figures: Figures) -> Row:
    return {"mAP": defined(figures.mean_ap), "MOTA": defined(figures.mota)}
