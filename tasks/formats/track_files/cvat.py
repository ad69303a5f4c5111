"""Tracks as CVAT for video 1.1: XML with a skeleton of 15 points for each track and frame."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tasks.formats.track_files.shown_poses import KEYPOINTS, FrameWithPoses, ShownPose, frames_with_poses
from tasks.formats.tracked_video import TrackedVideo

_LABEL: Final = "person"


class CvatTracks:
    """One track element for each identity; points that are not shown, and a track's end before a gap, are outside.

    To import it, a task needs a skeleton label `person` whose points have the names that stand under `labels`.
    """

    ending = ".xml"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; frames are counted from 0."""
        frames = list(frames_with_poses(video))
        root = Element("annotations")
        SubElement(root, "version").text = "1.1"
        _add_meta(root, video, len(frames))
        for track_id, shapes in sorted(_shapes(frames).items()):
            track = SubElement(root, "track", id=str(track_id), label=_LABEL, source="file")
            for frame, pose, is_outside in _with_ends(shapes, len(frames)):
                _add_skeleton(track, frame, pose, is_outside=is_outside)
        indent(root)
        yield f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'.encode()


def _add_meta(root: Element, video: TrackedVideo, count: int) -> None:
    task = SubElement(SubElement(root, "meta"), "task")
    facts = {"name": video.video_id, "size": count, "mode": "interpolation", "start_frame": 0, "stop_frame": count - 1}
    for name, value in facts.items():
        SubElement(task, name).text = str(value)
    size = SubElement(task, "original_size")
    SubElement(size, "width").text, SubElement(size, "height").text = str(video.width), str(video.height)
    labels = SubElement(task, "labels")
    for name, kind in ((_LABEL, "skeleton"), *((name, "points") for _, name in KEYPOINTS)):
        label = SubElement(labels, "label")
        SubElement(label, "name").text, SubElement(label, "type").text = name, kind
        SubElement(label, "attributes")
        if kind == "points":
            SubElement(label, "parent").text = _LABEL


def _shapes(frames: list[FrameWithPoses]) -> dict[int, dict[int, ShownPose]]:
    """The poses of each identity by frame."""
    shapes: dict[int, dict[int, ShownPose]] = defaultdict(dict)
    for frame in frames:
        for pose in frame.poses:
            shapes[pose.track_id][frame.index] = pose
    return shapes


def _with_ends(shapes: dict[int, ShownPose], count: int) -> Iterator[tuple[int, ShownPose, bool]]:
    """Frame and pose, and after the last of a run of frames the same pose outside, else CVAT would interpolate."""
    for frame, pose in shapes.items():
        yield frame, pose, False
        if frame + 1 not in shapes and frame + 1 < count:
            yield frame + 1, pose, True


def _add_skeleton(track: Element, frame: int, pose: ShownPose, *, is_outside: bool) -> None:
    skeleton = SubElement(track, "skeleton", frame=str(frame), keyframe="1", z_order="0")
    for index, name in KEYPOINTS:
        x, y = pose.xy[index].tolist()
        outside = str(int(is_outside or not pose.is_shown[index]))
        facts = {"label": name, "keyframe": "1", "outside": outside, "occluded": "0", "points": f"{x:.2f},{y:.2f}"}
        SubElement(skeleton, "points", facts)
