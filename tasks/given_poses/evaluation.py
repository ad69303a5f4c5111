"""All methods on the poses of one annotated video, at every frame and at every n-th."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tasks.errors import InputError
from tasks.formats.pose_files.registry import AUTO
from tasks.given_poses.comparison import tracks_by_method
from tasks.given_poses.networks import Networks, load_networks, no_networks
from tasks.given_poses.poses import read_given_poses
from tasks.given_poses.truth import read_truth
from tasks.given_poses.video import SeenFrames
from tasks.tracker_evaluation.optical_flow import flow_of

if TYPE_CHECKING:
    from tasks.params.sections import Params

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class EvaluationRequest:
    """What the user named."""

    poses: Path
    annotations: Path
    video: Path | None
    weights: Path | None
    """Folder; None for `default_weights`."""
    default_weights: Path
    strides: Sequence[int]
    pose_format: str = AUTO


@dataclass
class TrackingEvaluation:
    """The answer: rows by stride and method, and what must be said of them."""

    truth: str
    frames: int
    rows: list[Row]
    """{"stride", "method", "tracks", "tracked poses", metrics ...}."""
    of_file: list[Row]
    """{"stride", "frames", "poses", metrics of the poses themselves}: the same for all methods."""
    thresholds: dict[str, float | str]
    notices: list[str] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)


def evaluate_tracking(
    request: EvaluationRequest, params: "Params", tick: Callable[[], None] = lambda: None
) -> TrackingEvaluation:
    """Track the poses by each method at each stride, and score the tracks; `tick` is called after each row.

    Frames after the last that the file of poses lists are left out.

    Raises:
        InputError: a file cannot be used, or poses and annotations share no frame.
    """
    threshold = params.track.output_keypoint_threshold
    truth, clip = read_truth(request.annotations, request.video, output_threshold=threshold)
    read = read_given_poses(request.poses, clip, request.pose_format)
    frame_count = min(read.frame_count, len(clip.frames))
    networks = _networks(request, params, has_pictures=clip.pictures is not None)
    seen = None
    if clip.pictures is not None and networks.maps is not None:
        seen = SeenFrames(clip.pictures, networks.maps, flow_of(params.ablate))
    answer = TrackingEvaluation(truth.kind, frame_count, [], [], thresholds(params, networks))
    answer.notices, answer.rejects = [*read.notices, *networks.notices], read.rejects
    if sentence := truth.gaps(frame_count):
        answer.notices.append(sentence)
    if frame_count < len(clip.frames):
        answer.notices.append(f"frames {frame_count} to {len(clip.frames) - 1} are left out: the poses end before")
    for stride in request.strides:
        frames = range(0, frame_count, stride)
        facts = {"stride": stride, "frames": len(frames), "poses": int(np.isin(read.poses.frame, frames).sum())}
        answer.of_file.append({**facts, **truth.of_poses(read.poses, frames)})
        for method, tracks in tracks_by_method(read.poses, frames, seen, networks):
            numbers = {"tracks": len(np.unique(tracks.track_id)), "tracked poses": len(tracks)}
            metrics = truth.metrics(read.poses, tracks, frames)
            answer.rows.append({"stride": stride, "method": method, **metrics, **numbers})
            tick()
    return answer


def _networks(request: EvaluationRequest, params: "Params", *, has_pictures: bool) -> Networks:
    if not has_pictures:
        return no_networks(params, request.weights)
    return load_networks(request.default_weights if request.weights is None else request.weights, params)


def thresholds(params: "Params", networks: Networks) -> dict[str, float | str]:
    """The values of the params that decide the tracks."""
    section = networks.track
    tau = "tau_corr" if section.maps == "refined" else "tau_corr_siamese"
    names = ["maps", tau, "mean_over", "min_similarity", "min_track_frames", "max_lost_frames"]
    names += ["duplicate_oks", "duplicate_ratio"]
    chosen: dict[str, float | str] = {f"track.{name}": getattr(section, name) for name in names}
    return chosen | {
        "track.output_keypoint_threshold": section.output_keypoint_threshold,
        "recover.frame_size_px": params.recover.frame_size_px,
    }


def strides_of(text: str) -> list[int]:
    """Whole numbers from 1 with commas between them.

    Raises:
        InputError: it is something else.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and int(part) >= 1 for part in parts):
        raise InputError(f"--stride: expected whole numbers from 1 with commas between them, such as 1,4, got {text!a}")
    return sorted({int(part) for part in parts})
