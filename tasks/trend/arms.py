"""The arms of the comparison: ways to track the same videos, each with a threshold from one sweep."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tasks.params.sections import Params
from tasks.params.track import TrackParams
from tasks.progress import current
from tasks.tables.schemas import TRACKS
from tasks.tracker_evaluation.methods import by_carried_poses, by_correspondences, methods, track
from tasks.tracker_evaluation.metrics import VideoScore, score_video
from tasks.tracker_evaluation.repeated_recovery import trials_recovered_again, trials_without_refinement
from tasks.tracker_evaluation.sweep import Prepared, at, choose_min_similarity
from tasks.tracker_evaluation.thresholds import Choice, Joints, merge_choices, track_choices
from tasks.tracker_evaluation.videos import TrialVideo, trial_videos
from tasks.trend.home import CARRIED, OWN, SOURCES, TrendHome
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

_METHODS: Final = 5
RECOVERY_THRESHOLD: Final = 0.3
"""Output joint threshold that the paper takes from its Table 3."""


@dataclass(frozen=True)
class Arm:
    """One way to track some videos."""

    name: str
    prepared: Prepared
    section: TrackParams

    def scores(self, *, threshold: float | None = None, with_recovered: bool = True) -> list[VideoScore]:
        """Scores of each video, at `threshold` or else at the output threshold of the params."""
        shown = self.section.output_keypoint_threshold if threshold is None else threshold
        return [
            score_video(
                trial.video_id,
                trial.truth,
                trial.tracked(trial.evidence, track(trial, evidences, self.section, with_recovered=with_recovered)),
                output_keypoint_threshold=shown,
            )
            for trial, evidences in self.prepared
        ]


def choose_thresholds(home: TrendHome) -> None:
    """Choose every threshold that the paper leaves open on the training videos, and write them.

    The file holds {"track": {name: best of its sweep}, "merge": the same, "min_similarity": {arm: number, or null to
    keep the params'}}.
    """
    params = home.params("training")
    training = trial_videos(home.folder("training"), "train", "detected")
    track, merge = _best(track_choices(training, params)), _best(merge_choices(training, params))
    chosen: dict[str, float | None] = {}
    current().start("arms", len(params.detect.box_sources) * _METHODS + len(SOURCES))
    for arm in _swept_arms(home, "training", "train", track):
        chosen[arm.name] = choose_min_similarity(arm.prepared, arm.section, params.ablate.similarity_quantiles)
        current().advance(len(chosen), arm=arm.name)
    write_whole(
        home.thresholds, json.dumps({"track": track, "merge": merge, "min_similarity": chosen}, indent=1) + "\n"
    )


def _best(choices: Mapping[str, Choice]) -> dict[str, float]:
    """By name without its section; where nothing could be judged, the params' value."""
    return {
        name.partition(".")[2]: one["used"] if one["best"] is None else one["best"] for name, one in choices.items()
    }


def judge(home: TrendHome, name: str) -> dict[str, list[VideoScore]]:
    """Scores of every arm on the validation videos of a corpus, each at its own threshold."""
    thresholds = json.loads(home.thresholds.read_text(encoding="utf-8"))
    found: dict[str, list[VideoScore]] = {}
    for arm in _swept_arms(home, name, "val", thresholds["track"]):
        own = thresholds["min_similarity"][arm.name]
        fitted = arm if own is None else Arm(arm.name, arm.prepared, at(arm.section, own))
        found[arm.name] = fitted.scores()
        if arm.name == OWN:
            found |= _variants(fitted)
    found[f"trained on {home.plan['source']}"] = found[OWN]
    return found | _stored(home.folder(name), home.params(name), merge=thresholds["merge"])


def _swept_arms(home: TrendHome, name: str, split: str, track: dict[str, float]) -> Iterator[Arm]:
    """Arms that have a threshold of their own; `track` are the thresholds that they share."""
    workspace, params = home.folder(name), home.params(name)
    params = params.model_copy(update={"track": params.track.model_copy(update=track)})
    for box_source in sorted(params.detect.box_sources):
        trials = trial_videos(workspace, split, box_source)
        for method in methods(workspace, params):
            prepared = [(trial, method.evidences(trial)) for trial in trials]
            yield Arm(f"{method.name}, {box_source}", prepared, params.track)
        carried = [(trial, by_carried_poses(trial, params.track)) for trial in trials]
        yield Arm(f"{CARRIED}, {box_source}", carried, params.track)
    trials = trial_videos(workspace, split, "detected")
    unrefined = params.track.model_copy(update={"maps": "siamese"})
    yield _by_correspondences("without refinement", trials_without_refinement(workspace, params, trials), unrefined)
    for source, trained in home.sources.items():
        if source != home.plan["source"]:
            weights = trained.weights("correspondence")
            again = trials_recovered_again(workspace, params, trials, name=f"trained_on_{source}", weights=weights)
            yield _by_correspondences(f"trained on {source}", again, params.track)


def _by_correspondences(name: str, trials: Iterable[TrialVideo], section: TrackParams) -> Arm:
    return Arm(name, [(trial, by_correspondences(trial, section)) for trial in trials], section)


def _variants(own: Arm) -> dict[str, list[VideoScore]]:
    undeleted = own.section.model_copy(update={"duplicate_removal": False})
    return {
        "detected and recovered poses": own.scores(threshold=RECOVERY_THRESHOLD),
        "detected poses": own.scores(threshold=RECOVERY_THRESHOLD, with_recovered=False),
        "without duplicate removal": Arm("without duplicate removal", own.prepared, undeleted).scores(),
    }


def _stored(workspace: Workspace, params: Params, *, merge: Mapping[str, float]) -> dict[str, list[VideoScore]]:
    """The tracks that the stages `track` and `merge` left, the latter with the joints that `merge` allows."""
    least, widest = merge["similarity_threshold"], int(merge["max_gap_frames"])
    trials = trial_videos(workspace, "val", "detected")
    tracks = {
        "tracks": [(trial, trial.stored(TRACKS)) for trial in trials],
        "merged tracks": [(trial, Joints(trial).kept(least, widest)) for trial in trials],
    }
    threshold = params.track.output_keypoint_threshold
    return {
        name: [
            score_video(trial.video_id, trial.truth, tracked, output_keypoint_threshold=threshold)
            for trial, tracked in pairs
        ]
        for name, pairs in tracks.items()
    }
