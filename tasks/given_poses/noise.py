"""When does equation 6 need good poses? Every method on true poses with noise, on videos of a corpus."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tasks.demo_corpus.seeds import stream_key
from tasks.errors import InputError
from tasks.given_poses.comparison import tracks_by_method
from tasks.given_poses.evaluation import thresholds
from tasks.given_poses.networks import Networks
from tasks.given_poses.true_poses import Disturbance, TruePoses, person_switches, true_poses
from tasks.given_poses.truth import KeypointTruth, defined, read_truth
from tasks.given_poses.video import SeenFrames
from tasks.tracker_evaluation.metrics import VideoScore, metrics_of
from tasks.tracker_evaluation.optical_flow import flow_of

if TYPE_CHECKING:
    from tasks.params.sections import Params

Row: TypeAlias = dict[str, Any]
_FOLDER: Final = "posetrack"
"""Folder of a corpus laid out like data/ whose annotations name pictures below it."""
_FEWEST_FRAMES: Final = 2


@dataclass(frozen=True)
class NoiseSettings:
    """What is varied: noise without dropout, then dropout without noise, each at every stride."""

    noise_heads: Sequence[float]
    dropouts: Sequence[float]
    strides: Sequence[int]

    @property
    def disturbances(self) -> list[Disturbance]:
        """Each once, in order."""
        noise, dropout = sorted({0.0, *self.noise_heads}), sorted({*self.dropouts} - {0.0})
        return [*(Disturbance(value, 0.0) for value in noise), *(Disturbance(0.0, value) for value in dropout)]


@dataclass
class NoiseEvaluation:
    """Rows by stride, disturbance and method over all videos."""

    videos: int
    frames: int
    persons: int
    """Annotated persons, summed over frames."""
    rows: list[Row]
    """{"stride", "noise_heads", "dropout", "method", "MOTA", "IDSW", "person_switches", "poses", "tracked_poses"}."""
    thresholds: dict[str, float | str]
    notices: list[str] = field(default_factory=list)


@dataclass
class _Sum:
    """What adds up over videos."""

    scores: list[VideoScore] = field(default_factory=list)
    switches: int = 0
    poses: int = 0
    tracked: int = 0


def noise_videos(corpus: Path) -> list[Path]:
    """Annotation files of the validation videos.

    Raises:
        InputError: there are none.
    """
    files = sorted((corpus / _FOLDER / "annotations" / "val").glob("*.json"))
    if not files:
        raise InputError(f"{corpus}: expected {_FOLDER}/annotations/val/*.json with its pictures, got none")
    return files


def evaluate_noise(
    corpus: Path,
    settings: NoiseSettings,
    networks: Networks,
    params: "Params",
    tick: Callable[[], None] = lambda: None,
) -> NoiseEvaluation:
    """Track disturbed true poses of every validation video by each method; `tick` is called after each disturbance.

    Of each video the longest run of frames that all have annotated persons counts, so that a stride is a gap in
    frames. Draws follow from run.seed and the video's name.

    Raises:
        InputError: a video cannot be read, or none has two such frames in a row.
    """
    sums: defaultdict[tuple[int, Disturbance, str], _Sum] = defaultdict(_Sum)
    videos, frames, persons, notices = 0, 0, 0, list(networks.notices)
    for path in noise_videos(corpus):
        truth, seen = _open(path, corpus, networks, params)
        known = true_poses(truth).in_longest_run()
        count = len(np.unique(known.frame))
        if count < _FEWEST_FRAMES:
            notices.append(f"{path.stem} is left out: no two frames in a row have annotated persons")
            continue
        videos, frames, persons = videos + 1, frames + count, persons + len(known.frame)
        seed = stream_key(params.run.seed, "noise of poses", path.stem)
        for key, part in _of_video(truth, known, seen, settings, networks, seed, tick):
            sums[key].scores += part.scores
            sums[key].switches += part.switches
            sums[key].poses += part.poses
            sums[key].tracked += part.tracked
    if not videos:
        raise InputError(f"{corpus}: expected videos with annotated persons in two frames in a row, got none")
    rows = [_row(*key, part) for key, part in sums.items()]
    return NoiseEvaluation(videos, frames, persons, rows, thresholds(params, networks), notices)


def _open(path: Path, corpus: Path, networks: Networks, params: "Params") -> tuple[KeypointTruth, SeenFrames]:
    output = params.track.output_keypoint_threshold
    truth, clip = read_truth(path, corpus / _FOLDER, output_threshold=output)
    if not isinstance(truth, KeypointTruth) or clip.pictures is None or networks.maps is None:
        raise InputError(f"{path}: expected PoseTrack keypoints with pictures")
    return truth, SeenFrames(clip.pictures, networks.maps, flow_of(params.ablate))


def _of_video(
    truth: KeypointTruth,
    known: TruePoses,
    seen: SeenFrames,
    settings: NoiseSettings,
    networks: Networks,
    seed: int,
    tick: Callable[[], None],
) -> Iterator[tuple[tuple[int, Disturbance, str], _Sum]]:
    for stride in settings.strides:
        frames = np.unique(known.frame)[::stride].tolist()
        for disturbance in settings.disturbances:
            poses, identity = known.disturbed(disturbance, seed=seed)
            count = int(np.isin(poses.frame, frames).sum())
            for method, tracks in tracks_by_method(poses, frames, seen, networks):
                score = truth.score(poses, tracks, frames, corrected=True)
                part = _Sum([score], person_switches(tracks, identity), count, len(tracks))
                yield (stride, disturbance, method), part
            tick()


def _row(stride: int, disturbance: Disturbance, method: str, part: _Sum) -> Row:
    metrics = metrics_of(part.scores)
    return {
        "stride": stride,
        "noise_heads": disturbance.noise_heads,
        "dropout": disturbance.dropout,
        "method": method,
        "MOTA": defined(metrics.mota),
        "IDSW": metrics.switches,
        "person_switches": part.switches,
        "poses": part.poses,
        "tracked_poses": part.tracked,
    }
