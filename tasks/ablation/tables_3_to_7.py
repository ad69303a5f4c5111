"""Tables 3 to 7: arithmetic on the tracks, poses and affinities in the tables."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from tasks.params.track import TrackParams
from tasks.tables.schemas import MERGED_TRACKS, TRACKS, Table
from tasks.tracker_evaluation.methods import all_by_correspondences, score_method, track
from tasks.tracker_evaluation.metrics import TrackingMetrics, score_tracks
from tasks.tracker_evaluation.videos import EvaluationVideo

Row: TypeAlias = dict[str, Any]
Videos: TypeAlias = Sequence[EvaluationVideo]


def table_3(videos: Videos, section: TrackParams, thresholds: Sequence[float]) -> list[Row]:
    """Output keypoint threshold, for detected poses and for detected and recovered poses, each tracked once."""
    rows = []
    for with_recovered, poses in ((False, "detected"), (True, "detected and recovered")):
        tracks = [
            (
                video.video_id,
                video.truth,
                video.tracked(video.evidence, track(video, by_method, section, with_recovered=with_recovered)),
            )
            for video, by_method in all_by_correspondences(videos, section)
        ]
        for threshold in thresholds:
            metrics = score_tracks(tracks, output_keypoint_threshold=threshold)
            rows.append({"output_keypoint_threshold": threshold, "poses": poses} | _percents(metrics))
    return rows


def table_4(videos: Videos) -> list[Row]:
    """Average precision for each joint of the tracked poses, without an output threshold."""
    metrics = _stored(videos, TRACKS, 0.0)
    groups = {group: defined(value) for group, value in metrics.group_ap.items()}
    return [{"method": "this run"} | groups | {"mAP": defined(metrics.mean_ap)}]


def table_5(videos: Videos, threshold: float) -> list[Row]:
    """The tracks of the stage `track`, and the merged tracks of the stage `merge`."""
    return [
        {"method": name} | _percents(_stored(videos, table, threshold))
        for name, table in (("this run, merged", MERGED_TRACKS), ("this run", TRACKS))
    ]


def table_6(videos: Videos, section: TrackParams, values: Sequence[float]) -> list[Row]:
    """The threshold of equation 6."""
    return [{"tau_corr": value} | _percents(with_changes(videos, section, tau_corr=value)) for value in values]


def table_7(videos: Videos, section: TrackParams, without_refinement: Videos) -> list[Row]:
    """Refinement and duplicate removal; `without_refinement` are the same videos, recovered on the maps S."""
    designs = {
        "correspondence tracking": with_changes(videos, section),
        "without refinement": with_changes(without_refinement, section, maps="siamese"),
        "without duplicate removal": with_changes(videos, section, duplicate_removal=False),
    }
    return [{"design": name} | _percents(metrics) | {"IDSW": metrics.switches} for name, metrics in designs.items()]


def defined(value: float) -> float | None:
    """The value, or None for NaN, which JSON cannot express."""
    return None if np.isnan(value) else round(value, 6)


def with_changes(videos: Videos, section: TrackParams, **changes: Any) -> TrackingMetrics:
    """Metrics with other values of some keys of the section `track`."""
    changed = section.model_copy(update=changes)
    return score_method(all_by_correspondences(videos, changed), changed)


def _stored(videos: Videos, table: Table, threshold: float) -> TrackingMetrics:
    tracks = [(video.video_id, video.truth, video.stored(table)) for video in videos]
    return score_tracks(tracks, output_keypoint_threshold=threshold)


def _percents(metrics: TrackingMetrics) -> Row:
    return {"mAP": defined(metrics.mean_ap), "MOTA": defined(metrics.mota)}
