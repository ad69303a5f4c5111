"""The tracking methods of Table 2: each a similarity, and the OKS that duplicate removal asks for beside it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from models.tracking.association import Tracks
from models.tracking.correspondences import PropagatedPoses
from models.tracking.similarity import OksSimilarity, PropagatedOksSimilarity, Similarity
from tasks.inference.tracking import associate, correspondence_oks, correspondence_similarity, similarity_matcher
from tasks.params.track import TrackParams
from tasks.progress import current
from tasks.tracker_evaluation.optical_flow import carried_by_flow, flow_of
from tasks.tracker_evaluation.reidentification import embedder, reid_similarity
from tasks.tracker_evaluation.videos import TrialVideo
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


@dataclass(frozen=True)
class Evidences:
    """What one method says of one video: similarity of poses, and OKS of poses as the method carries them."""

    similarity: Similarity
    propagated_oks: Similarity


@dataclass(frozen=True)
class Method:
    """A row of Table 2."""

    name: str
    evidences: Callable[[TrialVideo], Evidences]


def methods(workspace: Workspace, params: "Params") -> list[Method]:
    """The baselines and the correspondences; a baseline without weights is told and left out."""
    found = [Method("OKS", lambda trial: _by_oks(trial, params)), Method("Optical flow", _by_flow(params))]
    embed = embedder(params, workspace.weights("reid"))
    if embed is None:
        current().notice("Re-ID is left out of table 2: there were no training tracks to train it on.")
    else:
        sizes = {"crop_height": params.train_reid.crop_height_px, "crop_width": params.train_reid.crop_width_px}
        found.append(
            Method(
                "Re-ID",
                lambda trial: Evidences(reid_similarity(trial, embed, **sizes), _by_oks(trial, params).propagated_oks),
            )
        )
    return [*found, Method("Correspondences", lambda trial: by_correspondences(trial, params.track))]


def by_correspondences(trial: TrialVideo, section: TrackParams) -> Evidences:
    """Equation 6."""
    evidence = trial.evidence
    return Evidences(correspondence_similarity(evidence, section), correspondence_oks(evidence, section))


def by_carried_poses(trial: TrialVideo, section: TrackParams) -> Evidences:
    """OKS of the poses that correspondences carry to the next frame: not the paper's, the same maps read otherwise.

    Equation 6 reads a map where a pose has its keypoint; this asks where the map has its peak. Which is better tells
    whether the maps or the places of the keypoints fail.
    """
    carried = correspondence_oks(trial.evidence, section)
    return Evidences(carried, carried)


def _by_oks(trial: TrialVideo, params: "Params") -> Evidences:
    still = OksSimilarity(trial.evidence.poses, params.track.query_keypoint_threshold)
    return Evidences(still, still)


def _by_flow(params: "Params") -> Callable[[TrialVideo], Evidences]:
    flow = flow_of(params.ablate)
    carried: dict[tuple[str, str], PropagatedPoses] = {}

    def evidences(trial: TrialVideo) -> Evidences:
        if (trial.video_id, trial.box_source) not in carried:
            siblings = [replace(trial, box_source=source) for source in sorted(params.detect.box_sources)]
            found = carried_by_flow(siblings, flow, max_gap_frames=params.track.max_lost_frames + 1)
            carried.update({(one.video_id, one.box_source): own for one, own in zip(siblings, found, strict=True)})
        moved = PropagatedOksSimilarity(
            carried[trial.video_id, trial.box_source],
            trial.evidence.poses,
            peak_threshold=0.5,
            joint_threshold=params.track.query_keypoint_threshold,
            min_keypoints=1,
        )
        return Evidences(moved, moved)

    return evidences


def track(trial: TrialVideo, evidences: Evidences, section: TrackParams, *, with_recovered: bool = True) -> Tracks:
    """The video's poses associated by the method."""
    matcher = similarity_matcher(evidences.similarity, evidences.propagated_oks, section)
    return associate(trial.evidence if with_recovered else trial.detected_evidence, matcher, section)


def similarities_to_next(trial: TrialVideo, evidences: Evidences) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Every pose's best similarity to the poses of the next frame, where it has any: what thresholds are tried on."""
    frames = trial.evidence.poses.frames
    best = [
        evidences.similarity(source.pose_id, target).max(axis=1)
        for source, target in pairwise(frames)
        if len(source) and len(target)
    ]
    values = np.concatenate([np.zeros(0), *best])
    return values[values > 0]
