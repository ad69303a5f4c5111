"""Tracks in Neurodata Without Borders, by the extension ndx-pose: PoseEstimation for each track."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from models.keypoints import SKELETON
from tasks.errors import InputError
from tasks.formats.track_files.shown_poses import KEYPOINTS, FrameWithPoses, ShownPose, frames_with_poses
from tasks.formats.tracked_video import TrackedVideo

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""A video does not state when it was taken; a time that none has is better than that of the export."""
_UNKNOWN_START: Final = "The time of the recording is not known; 1970-01-01 stands for it."
_REFERENCE: Final = "(0, 0) is the centre of the picture's top left pixel"
_CONFIDENCE: Final = "score of the keypoint, 0 to 1; that of a keypoint that is not shown is given too"


class NwbTracks:
    """One file for each video: module `behavior` with the skeleton `person` and a PoseEstimation person<track_id>.

    Every series has all frames of the video, with NaN where the person is not there, and the time stamp of each frame.
    Equal tracks are equal bytes: times and ids follow from the video.
    """

    ending = ".nwb"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; raises InputError where a frame has no time, which NWB cannot do without."""
        import h5py
        from pynwb import NWBHDF5IO

        frames = list(frames_with_poses(video))
        if any(frame.seconds is None for frame in frames):
            raise InputError("expected times of the frames, which NWB is built on, got a video of unknown frame rate")
        document = _document(video, frames)
        for known in document.objects.values():
            above = known.parent.name if known.parent else ""
            name = f"{video.video_id}/{above}/{known.name}/{type(known).__name__}"
            known._AbstractContainer__object_id = str(uuid5(NAMESPACE_URL, name))
        memory = io.BytesIO()
        with h5py.File(memory, "w") as file, NWBHDF5IO(file=file, mode="w") as writer:
            writer.write(document)
        yield memory.getvalue()


def _document(video: TrackedVideo, frames: list[FrameWithPoses]) -> Any:
    from ndx_pose import PoseEstimation, Skeleton, Skeletons
    from pynwb import NWBFile

    document = NWBFile(
        session_description=f"tracks of {video.video_id}",
        identifier=video.video_id,
        session_start_time=_START,
        file_create_date=_START,
        notes=_UNKNOWN_START,
    )
    module = document.create_processing_module(name="behavior", description="tracked poses of people")
    positions = {index: position for position, (index, _) in enumerate(KEYPOINTS)}
    edges = [(positions[a], positions[b]) for a, b in SKELETON if a in positions and b in positions]
    names = [name for _, name in KEYPOINTS]
    skeleton = Skeleton(name="person", nodes=names, edges=np.array(edges, dtype=np.uint8))
    module.add(Skeletons(skeletons=[skeleton]))
    for track in sorted({pose.track_id for frame in frames for pose in frame.poses}):
        module.add(
            PoseEstimation(
                name=f"person{track}",
                pose_estimation_series=_series(frames, track),
                description=f"poses of track {track}",
                original_videos=[video.video_id],
                dimensions=np.array([[video.width, video.height]], dtype=np.uint16),
                scorer="corrtrack",
                source_software="corrtrack",
                skeleton=skeleton,
            )
        )
    return document


def _series(frames: list[FrameWithPoses], track: int) -> list[Any]:
    """One series for each keypoint."""
    from ndx_pose import PoseEstimationSeries

    poses = [next((pose for pose in frame.poses if pose.track_id == track), None) for frame in frames]
    times = np.array([frame.seconds for frame in frames], dtype=np.float64)
    series = []
    for index, name in KEYPOINTS:
        cells = np.array([_cells(pose, index) for pose in poses], dtype=np.float64)
        series.append(
            PoseEstimationSeries(
                name=name,
                data=cells[:, :2],
                confidence=cells[:, 2],
                timestamps=times,
                unit="pixels",
                reference_frame=_REFERENCE,
                confidence_definition=_CONFIDENCE,
            )
        )
    return series


def _cells(pose: ShownPose | None, index: int) -> tuple[float, ...]:
    cells = (None, None, None) if pose is None else pose.cells(index)
    return tuple(np.nan if cell is None else cell for cell in cells)
