"""Thresholds that the paper leaves open: what a sweep on the training split would choose, beside what is in force.

The params stay the truth: nothing that is computed here is used by another stage. Each threshold is swept alone, the
others as they are in force. Only tables are read. For merging that means the tracks as the stage `merge` joined them:
they tell equation 8 of every joint that was made, so thresholds at or above the ones in force can be tried.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tasks.params.track import TrackParams
from tasks.tables import read_table
from tasks.tables.schemas import MERGED_TRACKS
from tasks.tracker_evaluation.metrics import TrackedPoses, score_tracks
from tasks.tracker_evaluation.sweep import prepare, score_method
from tasks.tracker_evaluation.videos import TrialVideo

if TYPE_CHECKING:
    from tasks.params.sections import Params

Trials = Sequence[TrialVideo]
Choice = dict[str, Any]
"""{"used": the value in force, "best": what the sweep would choose or null, "tried": values, "MOTA": of each}."""
_DIGITS: Final = 4


def track_choices(training: Trials, params: "Params") -> dict[str, Choice]:
    """`track.tau_corr_siamese` on the maps S, and the two thresholds of duplicate removal."""
    section, grids = params.track, params.ablate
    on_siamese = section.model_copy(update={"maps": "siamese"})
    swept = {
        "tau_corr_siamese": (on_siamese, grids.tau_corr_siamese_values),
        "duplicate_oks": (section, grids.duplicate_oks_values),
        "duplicate_ratio": (section, grids.duplicate_ratio_values),
    }
    return {
        f"track.{name}": choice(getattr(section, name), values, partial(_tracked, training, base, name))
        for name, (base, values) in swept.items()
    }


def merge_choices(training: Trials, params: "Params") -> dict[str, Choice]:
    """`merge.similarity_threshold` and `merge.max_gap_frames`, by undoing joints that a stricter value would not make.

    Exact for the threshold, since the most similar pairs join first; a narrower gap might also have joined others.
    """
    section, grids = params.merge, params.ablate
    joints = [Joints(trial) for trial in training]
    threshold = params.track.output_keypoint_threshold

    def mota(least: float, widest: int) -> float:
        pairs = [(one.trial.video_id, one.trial.truth, one.kept(least, widest)) for one in joints]
        return score_tracks(pairs, output_keypoint_threshold=threshold).mota

    similarities = [value for value in grids.merge_similarity_values if value >= section.similarity_threshold]
    gaps = [value for value in grids.merge_gap_values if value <= section.max_gap_frames]
    return {
        "merge.similarity_threshold": choice(
            section.similarity_threshold, similarities, lambda value: mota(value, section.max_gap_frames)
        ),
        "merge.max_gap_frames": choice(
            section.max_gap_frames, gaps, lambda value: mota(section.similarity_threshold, int(value))
        ),
    }


def _tracked(training: Trials, section: TrackParams, name: str, value: float) -> float:
    changed = section.model_copy(update={name: value})
    return score_method(prepare(training, changed), changed).mota


def choice(used: float, values: Sequence[float], mota: Callable[[float], float]) -> Choice:
    """The best of the values and the one in force; ties stay with the one in force, else with the lowest."""
    tried = sorted({*values, used})
    found = [mota(value) for value in tried]
    best = max(
        (index for index, value in enumerate(found) if np.isfinite(value)),
        key=lambda index: (found[index], tried[index] == used, -index),
        default=None,
    )
    return {
        "used": used,
        "best": None if best is None else tried[best],
        "tried": tried,
        "MOTA": [round(value, _DIGITS) if np.isfinite(value) else None for value in found],
    }


class Joints:
    """The merged tracks of a video, and of each joint its similarity (equation 8) and its gap."""

    def __init__(self, trial: TrialVideo) -> None:
        self.trial = trial
        self._stored = trial.stored(MERGED_TRACKS)
        rows = read_table(MERGED_TRACKS, MERGED_TRACKS.path(trial.tables, trial.video_id)).to_pylist()
        self._rows = [row for row in rows if row["box_source"] == trial.box_source]

    def kept(self, least: float, widest: int) -> TrackedPoses:
        """The tracks with those joints alone whose similarity is at least `least` and whose gap at most `widest`."""
        last: dict[int, dict[str, Any]] = {}
        first_of: dict[int, int] = {}
        ids = []
        for row in self._rows:
            chain, piece, before = row["track_id"], row["source_track_id"], last.get(row["track_id"])
            if piece not in first_of:
                first_of[piece] = piece
                if before is not None:
                    gap = row["frame_index"] - before["frame_index"]
                    if row["similarity"] >= least and gap <= widest:
                        first_of[piece] = first_of[before["source_track_id"]]
            last[chain] = row
            ids.append(first_of[piece])
        stored = self._stored
        return TrackedPoses(stored.frame, np.array(ids, dtype=np.int64), stored.xy, stored.score)
