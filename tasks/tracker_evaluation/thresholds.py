"""Thresholds that the paper leaves open, chosen on the training split.

`choose_min_similarity` chooses the acceptance threshold of each method of Table 2 by the same sweep. `track_choices`
and `merge_choices` sweep other thresholds, each alone, with the others as in use; no other stage uses their results,
since params.yaml decides. Only tables are read. For merging these are the tracks that the stage `merge` wrote: they
hold the similarity (equation 8) of every link, so thresholds at or above the one in use can be tried.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tasks.params.track import TrackParams
from tasks.tables import read_table
from tasks.tables.schemas import MERGED_TRACKS
from tasks.tracker_evaluation.methods import (
    VideoSimilarities,
    all_by_correspondences,
    score_method,
    similarities_to_next,
)
from tasks.tracker_evaluation.metrics import TrackedPoses, score_tracks
from tasks.tracker_evaluation.videos import EvaluationVideo

if TYPE_CHECKING:
    from tasks.params.sections import Params


Videos: TypeAlias = Sequence[EvaluationVideo]
Choice: TypeAlias = dict[str, Any]
"""{"used": the value in use, "best": the best of the sweep or null, "tried": values, "MOTA": of each}."""
_DIGITS: Final = 4


def choose_min_similarity(videos: VideoSimilarities, section: TrackParams, quantiles: Sequence[float]) -> float | None:
    """The threshold with the best MOTA out of the quantiles of the method's similarities; ties go to the lowest.

    None where there is nothing to choose on.
    """
    values = np.concatenate([np.zeros(0), *(similarities_to_next(*pair) for pair in videos)])
    if not len(values):
        return None
    candidates = sorted({round(float(value), _DIGITS) for value in np.quantile(values, quantiles)})
    motas = [score_method(videos, with_min_similarity(section, candidate)).mota for candidate in candidates]
    return candidates[int(np.nanargmax(motas))] if np.isfinite(motas).any() else None


def with_min_similarity(section: TrackParams, min_similarity: float) -> TrackParams:
    """The section with another acceptance threshold."""
    return section.model_copy(update={"min_similarity": min_similarity})


def track_choices(training: Videos, params: "Params") -> dict[str, Choice]:
    """The threshold on affinities of each kind of maps, out of the same values, and those of duplicate removal."""
    section, grids = params.track, params.ablate
    on_refined, on_siamese = (section.model_copy(update={"maps": maps}) for maps in ("refined", "siamese"))
    affinities = [*grids.tau_corr_siamese_values, *grids.tau_corr_values]
    swept = {
        "tau_corr": (on_refined, affinities),
        "tau_corr_siamese": (on_siamese, affinities),
        "duplicate_oks": (section, grids.duplicate_oks_values),
        "duplicate_ratio": (section, grids.duplicate_ratio_values),
    }
    return {
        f"track.{name}": choice(getattr(section, name), values, partial(_track_mota, training, base, name))
        for name, (base, values) in swept.items()
    }


def _track_mota(training: Videos, section: TrackParams, name: str, value: float) -> float:
    changed = section.model_copy(update={name: value})
    return score_method(all_by_correspondences(training, changed), changed).mota


def merge_choices(training: Videos, params: "Params") -> dict[str, Choice]:
    """`merge.similarity_threshold` and `merge.max_gap_frames`, by removing links that a stricter value rules out.

    Exact for the threshold, since the most similar pairs are linked first; a narrower gap might also add other links.
    """
    section, grids = params.merge, params.ablate
    links = [MergeLinks(video) for video in training]
    threshold = params.track.output_keypoint_threshold

    def mota(min_similarity: float, max_gap: int) -> float:
        tracks = [(part.video.video_id, part.video.truth, part.kept(min_similarity, max_gap)) for part in links]
        return score_tracks(tracks, output_keypoint_threshold=threshold).mota

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


def choice(used: float, values: Sequence[float], mota: Callable[[float], float]) -> Choice:
    """The best of the values and of the one in use; ties go to the one in use, else to the lowest."""
    tried = sorted({*values, used})
    motas = [mota(value) for value in tried]
    best = max(
        (index for index, value in enumerate(motas) if np.isfinite(value)),
        key=lambda index: (motas[index], tried[index] == used, -index),
        default=None,
    )
    return {
        "used": used,
        "best": None if best is None else tried[best],
        "tried": tried,
        "MOTA": [round(value, _DIGITS) if np.isfinite(value) else None for value in motas],
    }


class MergeLinks:
    """The merged tracks of a video, with the similarity (equation 8) and the gap of each link."""

    def __init__(self, video: EvaluationVideo) -> None:
        self.video = video
        self._stored = video.stored(MERGED_TRACKS)
        rows = read_table(MERGED_TRACKS, MERGED_TRACKS.path(video.tables, video.video_id)).to_pylist()
        self._rows = [row for row in rows if row["box_source"] == video.box_source]

    def kept(self, min_similarity: float, max_gap: int) -> TrackedPoses:
        """The tracks with only those links whose similarity and gap in frames lie within the bounds."""
        last: dict[int, dict[str, Any]] = {}
        first_of: dict[int, int] = {}
        ids = []
        for row in self._rows:
            chain, piece, before = row["track_id"], row["source_track_id"], last.get(row["track_id"])
            if piece not in first_of:
                first_of[piece] = piece
                if before is not None:
                    gap = row["frame_index"] - before["frame_index"]
                    if row["similarity"] >= min_similarity and gap <= max_gap:
                        first_of[piece] = first_of[before["source_track_id"]]
            last[chain] = row
            ids.append(first_of[piece])
        stored = self._stored
        return TrackedPoses(stored.frame, np.array(ids, dtype=np.int64), stored.xy, stored.score)
