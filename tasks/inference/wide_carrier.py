"""Poses carried over wide gaps, for the merging of tracks (A.4)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from models.networks.correspondence import load_correspondence
from models.tracking.merging import CarriedPose, Propagation, wanted_propagations
from tasks.frames import VideoFrames
from tasks.inference.correspondence_maps import CorrespondenceMaps, FittedFrame
from tasks.inference.merging import Carried, TracksOfSource
from tasks.inference.networks import loaded
from tasks.params.recover import RecoverParams


class WideCarrier:
    """Carries poses over gaps; features live from their frame to the last one they are wanted for."""

    def __init__(self, network: CorrespondenceMaps, *, query_keypoint_threshold: float, batch_size: int) -> None:
        self._network = network
        self._threshold = query_keypoint_threshold
        self._batch_size = batch_size

    def carry(
        self, sources: Iterable[TracksOfSource], frames: VideoFrames, *, max_gap_frames: int
    ) -> dict[str, Carried]:
        """All propagations that equation 8 asks for, by box source, in one pass over the frames."""
        sources = list(sources)
        wanted = {own.box_source: wanted_propagations(own.spans, max_gap_frames=max_gap_frames) for own in sources}
        last_use: dict[int, int] = {}
        for one in (one for wishes in wanted.values() for one in wishes):
            for frame_index in (one.source_frame_index, one.target_frame_index):
                last_use[frame_index] = max(last_use.get(frame_index, 0), one.target_frame_index)
        carried: dict[str, Carried] = {own.box_source: {} for own in sources}
        fitted: dict[int, FittedFrame] = {}
        for frame_index, picture in frames.read(sorted(last_use)):
            fitted[frame_index] = self._network.fit(picture)
            for own in sources:
                here = [one for one in wanted[own.box_source] if one.target_frame_index == frame_index]
                carried[own.box_source] |= self._carry_to(own, here, fitted)
            fitted = {index: frame for index, frame in fitted.items() if last_use[index] > frame_index}
        return carried

    def _carry_to(
        self, own: TracksOfSource, wanted: Sequence[Propagation], fitted: Mapping[int, FittedFrame]
    ) -> Carried:
        """Propagations onto one frame, from whatever frames, in full batches whose maps are let go at once."""
        carried: Carried = {}
        for start in range(0, len(wanted), self._batch_size):
            batch = wanted[start : start + self._batch_size]
            pose_ids = np.array([one.source_pose_id for one in batch], dtype=np.int64)
            score = own.poses.score(pose_ids)
            maps = self._network.maps_of_frames(
                [fitted[one.source_frame_index] for one in batch],
                fitted[batch[0].target_frame_index],
                own.poses.xy(pose_ids),
                score,
            )
            xy, peak = maps.peaks("refined")
            peak = np.where(score >= self._threshold, peak, 0.0)
            carried |= {one: CarriedPose(xy[row], peak[row]) for row, one in enumerate(batch)}
        return carried


def load_carrier(weights: Path, params: RecoverParams) -> WideCarrier:
    """The correspondence network of a weight file, as `recover` uses it.

    Raises:
        InputError: the file is not there or holds no such network.
    """
    network = CorrespondenceMaps(loaded(load_correspondence, weights), params)
    return WideCarrier(network, query_keypoint_threshold=params.query_keypoint_threshold, batch_size=params.batch_size)
