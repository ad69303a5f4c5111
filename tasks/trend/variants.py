"""The variants that a trend run compares: ways to track the same videos, each with a threshold from one sweep."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tasks.params.sections import Params
from tasks.params.track import TrackParams
from tasks.progress import current
from tasks.tables.schemas import TRACKS
from tasks.tracker_evaluation.methods import (
    VideoSimilarities,
    all_by_correspondences,
    by_propagated_poses,
    methods,
    track,
)
from tasks.tracker_evaluation.metrics import VideoScore, score_video
from tasks.tracker_evaluation.repeated_recovery import recovered_again, recovered_without_refinement
from tasks.tracker_evaluation.thresholds import (
    Choice,
    MergeLinks,
    choose_min_similarity,
    merge_choices,
    track_choices,
    with_min_similarity,
)
from tasks.tracker_evaluation.videos import EvaluationVideo, evaluation_videos
from tasks.trend.home import FULL_DESIGN, PROPAGATED, TrendHome
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

_METHODS: Final = 5
RECOVERY_THRESHOLD: Final = 0.3
"""Output keypoint threshold that the paper takes from its Table 3."""


@dataclass(frozen=True)
class Variant:
    """One way to track some videos."""

    name: str
    videos: VideoSimilarities
    section: TrackParams

    def scores(self, *, threshold: float | None = None, with_recovered: bool = True) -> list[VideoScore]:
        """Scores of each video, at `threshold` or else at the output threshold of the params."""
        output = self.section.output_keypoint_threshold if threshold is None else threshold
        return [
            score_video(
                video.video_id,
                video.truth,
                video.tracked(video.evidence, track(video, by_method, self.section, with_recovered=with_recovered)),
                output_keypoint_threshold=output,
            )
            for video, by_method in self.videos
        ]


def choose_thresholds(home: TrendHome) -> None:
    """Choose every threshold that the paper leaves open on the training videos, and write them.

    The file holds {"track": {name: best of its sweep}, "merge": the same, "min_similarity": {variant: number, or null
    for the one of the params}}.
    """
    params = home.params("training")
    training = evaluation_videos(home.folder("training"), "train", "detected")
    track, merge = _best(track_choices(training, params)), _best(merge_choices(training, params))
    chosen: dict[str, float | None] = {}
    current().start("variants", len(params.detect.box_sources) * _METHODS + 1 + len(home.sources))
    for variant in _swept_variants(home, "training", "train", track):
        quantiles = params.ablate.similarity_quantiles
        chosen[variant.name] = choose_min_similarity(variant.videos, variant.section, quantiles)
        current().advance(len(chosen), variant=variant.name)
    write_whole(
        home.thresholds, json.dumps({"track": track, "merge": merge, "min_similarity": chosen}, indent=1) + "\n"
    )


def _best(choices: Mapping[str, Choice]) -> dict[str, float]:
    """By name without its section; the value of the params where none could be judged."""
    return {
        name.partition(".")[2]: choice["used"] if choice["best"] is None else choice["best"]
        for name, choice in choices.items()
    }


def judge(home: TrendHome, name: str) -> dict[str, list[VideoScore]]:
    """Scores of every variant on the validation videos of a corpus, each at its own threshold."""
    thresholds = json.loads(home.thresholds.read_text(encoding="utf-8"))
    scores: dict[str, list[VideoScore]] = {}
    for variant in _swept_variants(home, name, "val", thresholds["track"]):
        chosen = thresholds["min_similarity"][variant.name]
        section = variant.section if chosen is None else with_min_similarity(variant.section, chosen)
        fitted = Variant(variant.name, variant.videos, section)
        scores[variant.name] = fitted.scores()
        if variant.name == FULL_DESIGN:
            scores |= _without_parts(fitted)
    return scores | _stored(home.folder(name), home.params(name), merge=thresholds["merge"])


def _swept_variants(home: TrendHome, name: str, split: str, track: dict[str, float]) -> Iterator[Variant]:
    """Variants that have an acceptance threshold of their own; `track` are the thresholds that they share."""
    workspace, params = home.folder(name), home.params(name)
    params = params.model_copy(update={"track": params.track.model_copy(update=track)})
    for box_source in sorted(params.detect.box_sources):
        videos = evaluation_videos(workspace, split, box_source)
        for method in methods(workspace, params):
            similarities = [(video, method.similarities(video)) for video in videos]
            yield Variant(f"{method.name}, {box_source}", similarities, params.track)
        propagated = [(video, by_propagated_poses(video, params.track)) for video in videos]
        yield Variant(f"{PROPAGATED}, {box_source}", propagated, params.track)
    videos = evaluation_videos(workspace, split, "detected")
    unrefined, section = recovered_without_refinement(workspace, params, videos), {"maps": "siamese"}
    yield _by_correspondences("without refinement", unrefined, params.track.model_copy(update=section))
    for source, trained in home.sources.items():
        weights = trained.weights("correspondence")
        again = recovered_again(workspace, params, videos, name=f"trained_on_{source}", weights=weights)
        yield _by_correspondences(f"trained on {source}", again, params.track)


def _by_correspondences(name: str, videos: Sequence[EvaluationVideo], section: TrackParams) -> Variant:
    return Variant(name, all_by_correspondences(videos, section), section)


def _without_parts(full: Variant) -> dict[str, list[VideoScore]]:
    undeleted = full.section.model_copy(update={"duplicate_removal": False})
    return {
        "detected and recovered poses": full.scores(threshold=RECOVERY_THRESHOLD),
        "detected poses": full.scores(threshold=RECOVERY_THRESHOLD, with_recovered=False),
        "without duplicate removal": Variant("without duplicate removal", full.videos, undeleted).scores(),
    }


def _stored(workspace: Workspace, params: Params, *, merge: Mapping[str, float]) -> dict[str, list[VideoScore]]:
    """The tracks of the stages `track` and `merge`, the latter with the links that the thresholds `merge` allow."""
    min_similarity, max_gap = merge["similarity_threshold"], int(merge["max_gap_frames"])
    videos = evaluation_videos(workspace, "val", "detected")
    tracks = {
        "tracks": [(video, video.stored(TRACKS)) for video in videos],
        "merged tracks": [(video, MergeLinks(video).kept(min_similarity, max_gap)) for video in videos],
    }
    threshold = params.track.output_keypoint_threshold
    return {
        name: [
            score_video(video.video_id, video.truth, tracked, output_keypoint_threshold=threshold)
            for video, tracked in pairs
        ]
        for name, pairs in tracks.items()
    }
