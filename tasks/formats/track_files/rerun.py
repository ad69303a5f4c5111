"""Tracks as a recording of Rerun (.rrd): skeletons and boxes on the timelines `frame` and `seconds`."""

from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from models.keypoints import SKELETON
from tasks.formats.track_files.shown_poses import KEYPOINTS, FrameWithPoses, ShownPose, frames_with_poses
from tasks.formats.tracked_video import TrackedVideo

_APPLICATION = "corrtrack"


class RerunRecording:
    """For each track the entities person<track_id>/keypoints, /bones and /box, cleared where it leaves the picture.

    Rerun gives every row an id by the clock: the same tracks give the same content, not the same bytes.
    """

    ending = ".rrd"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; the timeline `seconds` is left out where no frame rate is known."""
        import rerun

        recording = rerun.RecordingStream(_APPLICATION, recording_id=uuid5(NAMESPACE_URL, video.video_id))
        stream = recording.binary_stream()
        shown: set[int] = set()
        for frame in frames_with_poses(video):
            _set_times(recording, frame)
            here = {pose.track_id for pose in frame.poses}
            for track in sorted(shown - here):
                recording.log(_entity(track), rerun.Clear(recursive=True))
            for pose in frame.poses:
                _log(recording, pose)
            shown = here
        yield bytes(stream.read() or b"")


def _set_times(recording: Any, frame: FrameWithPoses) -> None:
    recording.set_time("frame", sequence=frame.index)
    if frame.seconds is not None:
        recording.set_time("seconds", duration=frame.seconds)


def _log(recording: Any, pose: ShownPose) -> None:
    import rerun

    shown = [(index, name) for index, name in KEYPOINTS if pose.is_shown[index]]
    bones = [pose.xy[[a, b]].tolist() for a, b in SKELETON if pose.is_shown[a] and pose.is_shown[b]]
    left, top, width, height = pose.box_xywh
    entity, points = _entity(pose.track_id), [pose.xy[index].tolist() for index, _ in shown]
    labels = [name for _, name in shown]
    recording.log(f"{entity}/keypoints", rerun.Points2D(points, labels=labels, show_labels=False))
    recording.log(f"{entity}/bones", rerun.LineStrips2D(bones))
    box = rerun.Boxes2D(array=[[left, top, width, height]], array_format=rerun.Box2DFormat.XYWH, labels=[entity])
    recording.log(f"{entity}/box", box)


def _entity(track: int) -> str:
    return f"person{track}"
