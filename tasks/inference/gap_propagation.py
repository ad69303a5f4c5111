"""Poses propagated over gaps by the correspondence network, for the merging of tracks (A.4)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from models.tracking.correspondence_maps import CorrespondenceMaps, FittedFrame
from models.tracking.merging import PropagatedPose, Propagation, required_propagations
from tasks.frames import VideoFrames
from tasks.inference.merging import PropagatedPoses, TracksOfSource
from tasks.inference.networks import load_correspondence_maps
from tasks.params.recover import RecoverParams


class GapPropagation:
    """Propagates poses over gaps; the features of a frame are kept until its last propagation is done."""

    def __init__(self, network: CorrespondenceMaps, *, query_keypoint_threshold: float, batch_size: int) -> None:
        self._network = network
        self._threshold = query_keypoint_threshold
        self._batch_size = batch_size

    def propagate(
        self, sources: Iterable[TracksOfSource], frames: VideoFrames, *, max_gap_frames: int
    ) -> dict[str, PropagatedPoses]:
        """Return all propagations that equation 8 needs, by box source, in one pass over the frames."""
        wanted = {
            tracks.box_source: (tracks, _by_target(required_propagations(tracks.spans, max_gap_frames=max_gap_frames)))
            for tracks in sources
        }
        last_use = _last_use(each for _, by_target in wanted.values() for group in by_target.values() for each in group)
        propagated: dict[str, PropagatedPoses] = {box_source: {} for box_source in wanted}
        fitted: dict[int, FittedFrame] = {}
        for frame_index, picture in frames.read(sorted(last_use)):
            fitted[frame_index] = self._network.fit(picture)
            for box_source, (tracks, by_target) in wanted.items():
                propagated[box_source] |= self._onto_frame(tracks, by_target.get(frame_index, []), fitted)
            fitted = {index: frame for index, frame in fitted.items() if last_use[index] > frame_index}
        return propagated

    def _onto_frame(
        self, tracks: TracksOfSource, propagations: Sequence[Propagation], fitted: Mapping[int, FittedFrame]
    ) -> PropagatedPoses:
        """Propagate onto one frame, from any frames, in full batches whose maps are released at once."""
        propagated: PropagatedPoses = {}
        for start in range(0, len(propagations), self._batch_size):
            batch = propagations[start : start + self._batch_size]
            pose_ids = np.array([propagation.source_pose_id for propagation in batch], dtype=np.int64)
            score = tracks.poses.score(pose_ids)
            maps = self._network.maps_of_frames(
                [fitted[propagation.source_frame_index] for propagation in batch],
                fitted[batch[0].target_frame_index],
                tracks.poses.xy(pose_ids),
                score,
            )
            xy, peak = maps.peaks("refined")
            peak = np.where(score >= self._threshold, peak, 0.0)
            propagated |= {propagation: PropagatedPose(xy[row], peak[row]) for row, propagation in enumerate(batch)}
        return propagated


def _by_target(propagations: Iterable[Propagation]) -> dict[int, list[Propagation]]:
    """Group propagations, which are sorted by target frame."""
    return {frame: list(group) for frame, group in groupby(propagations, lambda each: each.target_frame_index)}


def _last_use(propagations: Iterable[Propagation]) -> dict[int, int]:
    """Return the last target frame for which each source or target frame is needed."""
    last_use: dict[int, int] = {}
    for propagation in propagations:
        for frame_index in (propagation.source_frame_index, propagation.target_frame_index):
            last_use[frame_index] = max(last_use.get(frame_index, 0), propagation.target_frame_index)
    return last_use


def load_propagation(weights: Path, params: RecoverParams) -> GapPropagation:
    """Load the correspondence network of a weight file, with the parameters of the stage recover.

    Raises:
        InputError: the file is missing or holds no such network.
    """
    network = load_correspondence_maps(weights, params)
    return GapPropagation(
        network, query_keypoint_threshold=params.query_keypoint_threshold, batch_size=params.batch_size
    )
