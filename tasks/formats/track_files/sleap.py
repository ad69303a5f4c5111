"""Tracks as SLEAP's labels (.slp): predicted instances with their track, which SLEAP and sleap-io open."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from models.keypoints import POSETRACK_KEYPOINTS, SKELETON
from tasks.formats.track_files.shown_poses import KEYPOINTS, ShownPose, frames_with_poses
from tasks.formats.tracked_video import TrackedVideo


class SleapLabels:
    """One video, the skeleton `person` of 15 nodes, a track for each identity, and a labelled frame where poses are.

    The video is referred to by its name alone, so that SLEAP asks where it lies. The form has no times.
    """

    ending = ".slp"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; equal tracks are equal bytes."""
        import sleap_io

        names = [name for _, name in KEYPOINTS]
        ends = [(POSETRACK_KEYPOINTS[start], POSETRACK_KEYPOINTS[end]) for start, end in SKELETON]
        edges = [pair for pair in ends if set(pair) <= set(names)]
        skeleton = sleap_io.Skeleton(nodes=names, edges=edges, name="person")
        source = sleap_io.Video(_name(video), open_backend=False)
        frames = [frame for frame in frames_with_poses(video) if frame.poses]
        ids = sorted({pose.track_id for frame in frames for pose in frame.poses})
        tracks = {track_id: sleap_io.Track(f"person{track_id}") for track_id in ids}
        labelled = [
            sleap_io.LabeledFrame(
                video=source,
                frame_idx=frame.index,
                instances=[_instance(pose, skeleton, tracks[pose.track_id]) for pose in frame.poses],
            )
            for frame in frames
        ]
        labels = sleap_io.Labels(
            labeled_frames=labelled, videos=[source], skeletons=[skeleton], tracks=list(tracks.values())
        )
        with tempfile.TemporaryDirectory(prefix="corrtrack-") as folder:
            path = Path(folder) / f"labels{self.ending}"
            labels.save(str(path), verbose=False)
            yield path.read_bytes()


def _instance(pose: ShownPose, skeleton: Any, track: Any) -> Any:
    import sleap_io

    cells = np.array([pose.cells(index) for index, _ in KEYPOINTS], dtype=np.float64)
    return sleap_io.PredictedInstance.from_numpy(
        cells[:, :2], skeleton, point_scores=cells[:, 2], score=pose.score, track=track, tracking_score=1.0
    )


def _name(video: TrackedVideo) -> str:
    """A name that SLEAP takes for a video file."""
    return video.video_id if Path(video.video_id).suffix else f"{video.video_id}.mp4"
