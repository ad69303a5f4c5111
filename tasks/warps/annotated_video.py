"""A video and the annotated keypoints of its frames, from one folder or file each and a PoseTrack annotation."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Final

import av
import numpy as np

from models.arrays import FloatArray
from models.keypoints import POSETRACK_KEYPOINTS
from models.metrics.sequence import HEAD_SIZE
from models.poses.frame_poses import FramePoses
from tasks.errors import InputError, raise_machine_fault
from tasks.formats.annotated_person import KeypointChannels, keypoint_channels, read_keypoints
from tasks.formats.errors import FieldError
from tasks.formats.fields import Record, box_xywh, records, unique_id, whole
from tasks.formats.frame_order import FrameOrderError, frame_order
from tasks.formats.json_files import load_json
from tasks.formats.posetrack_files import as_posetrack18
from tasks.formats.video_search import VIDEO_ENDINGS, pictures_of
from tasks.frames import VideoFrames, presentation_times
from tasks.paths import below

_OPTIONAL: Final = ("left_ear", "right_ear")
_OUTLINE: Final = "an object with images, annotations and categories (PoseTrack18) or annolist (PoseTrack17)"


@dataclass(frozen=True)
class AnnotatedFrame:
    """The tracked persons of one frame: ids are their tracks', a keypoint's score is 1 where annotated, else 0."""

    poses: FramePoses
    head_size: FloatArray
    """(P,) px of the picture; NaN where no head box is annotated."""


@dataclass
class AnnotatedVideo:
    """Pictures and annotated frames of one video, by frame index from 0."""

    pictures: VideoFrames
    frames: dict[int, AnnotatedFrame] = field(default_factory=dict)
    rejects: list[str] = field(default_factory=list)
    """Input that cannot be used, each with its reason."""


def read_annotated_video(frames: Path, annotations: Path) -> AnnotatedVideo:
    """Read annotations, and find the picture of each annotated frame; pictures are decoded later.

    Args:
        frames: a video file, a folder of pictures, or the folder that the annotation's file names are relative to.
        annotations: a PoseTrack18 or PoseTrack17 file of one video.

    Raises:
        InputError: a path is not there or not of its kind, or no annotated person of a frame is left.
    """
    try:
        document = _document(annotations)
        images, persons = records(document, "images"), records(document, "annotations")
        channels = keypoint_channels(document, POSETRACK_KEYPOINTS, optional=_OPTIONAL)
    except FieldError as error:
        raise InputError(f"{annotations}: {error}") from error
    indices = FrameIndices(frames, [image for image in images if isinstance(image, dict)], option="--frames")
    reader = _Reader(AnnotatedVideo(indices.pictures), annotations.name)
    reader.read_images(images, indices)
    reader.read_persons(persons, channels)
    if not reader.video.frames:
        first = f"; the first reject: {reader.video.rejects[0]}" if reader.video.rejects else ""
        raise InputError(f"{annotations}: expected persons with track_id and keypoints in {frames}, got none{first}")
    return reader.video


def _document(path: Path) -> Record:
    document = as_posetrack18(str(path), load_json(path))
    if not isinstance(document, dict):
        raise FieldError("file", _OUTLINE, document)
    return document


class FrameIndices:
    """The frames of a video, and the frame index of each image of its annotation.

    Args of the constructor:
        frames: a video file, a folder of pictures, or the folder that file names of the annotation are relative to.
        images: what the annotation lists.
        option: option of the command that named `frames`, for messages.
    """

    def __init__(self, frames: Path, images: list[Record], *, option: str) -> None:
        self._frames, self._images, self._asked = frames, images, f"{option} {frames}"
        if not frames.exists():
            raise InputError(f"{self._asked}: expected a video file or a folder of pictures, got nothing")
        self._files = self._found_files() if frames.is_dir() else []
        self._present = {path.name for path in self._files}
        listed = {PurePosixPath(image["file_name"]).name for image in images if isinstance(image.get("file_name"), str)}
        # A missing picture keeps its index, so that the gaps between the others stay the same.
        self._names = self._in_order(self._present | listed)
        self._index = {name: index for index, name in enumerate(self._names)}

    def _in_order(self, names: set[str]) -> list[str]:
        try:
            return frame_order(names)
        except FrameOrderError as error:
            raise InputError(f"{self._asked}: {error}") from error

    def _found_files(self) -> list[Path]:
        """The pictures in the folder, or in the folder below it that the first file name states."""
        files = pictures_of(self._frames)
        if not files and self._images:
            try:
                files = pictures_of(below(self._frames, self._images[0].get("file_name")).parent)
            except ValueError as error:
                raise InputError(f"{self._asked}: expected pictures, got none; file_name: {error}") from error
        if not files:
            raise InputError(f"{self._asked}: expected pictures (.jpg, .png) of the annotation, got none")
        return files

    @property
    def names(self) -> list[str | None]:
        """Name of the picture of each frame, None in a video file."""
        return list(self._names) if self._files else [None] * self._count

    @cached_property
    def pictures(self) -> VideoFrames:
        """All frames, decoded on demand."""
        root = self._files[0].parent if self._files else self._frames.parent
        rows = [{"frame_index": index, "path": name} for index, name in enumerate(self.names)]
        return VideoFrames(root, {"media": self._frames.name, "frame_count": len(rows)}, rows)

    @cached_property
    def _count(self) -> int:
        if self._frames.suffix.lower() not in VIDEO_ENDINGS:
            expected = f"a video ({', '.join(sorted(VIDEO_ENDINGS))}) or a folder of pictures"
            raise InputError(f"{self._asked}: expected {expected}")
        try:
            count = len(presentation_times(self._frames))
        except (av.FFmpegError, OSError, IndexError) as error:
            raise_machine_fault(error, file=self._frames)
            raise InputError(f"{self._asked}: expected a video that decodes, got {error}") from error
        if not count:
            raise InputError(f"{self._asked}: expected a video that decodes, got no frames")
        return count

    def index_of(self, position: int, image: Record) -> int:
        """Frame index of the image at `position` of the list.

        In a folder the name states it. In a video file it is the position when the list has every frame, else the
        number in the name, from 0.

        Raises:
            ValueError: it is not in the video.
        """
        name = image.get("file_name")
        if not self._files and len(self._images) == self._count:
            return position
        if not isinstance(name, str):
            raise FieldError("file_name", "the name of a picture", name)
        path = PurePosixPath(name)
        if self._files:
            if path.name not in self._present:
                raise ValueError(f"expected the picture {path.name} in {self._files[0].parent}, got none")
            return self._index[path.name]
        digits = re.findall(r"[0-9]+", path.stem)
        if not digits or int(digits[-1]) >= self._count:
            raise ValueError(f"file_name: expected the number of one of {self._count} frames, from 0, got {name!a}")
        return int(digits[-1])


class _Reader:
    """Persons of the annotation by frame; broken records are rejected."""

    def __init__(self, video: AnnotatedVideo, source: str) -> None:
        self.video, self._source = video, source
        self._index: dict[int, int] = {}
        self._missing: set[int] = set()

    def read_images(self, images: Any, indices: FrameIndices) -> None:
        """Learn which frame each image id is."""
        seen: set[int] = set()
        for position, image in enumerate(images):
            try:
                key = unique_id(image, seen)
                self._missing.add(key)
                self._index[key] = indices.index_of(position, image)
            except ValueError as error:
                self._reject(f"images[{position}]", error)

    def read_persons(self, persons: Any, channels: KeypointChannels) -> None:
        """Fill `video.frames`."""
        rows: dict[int, dict[int, tuple[FloatArray, float]]] = {}
        for position, person in enumerate(persons):
            try:
                if not isinstance(person, dict):
                    raise FieldError("record", "an object", person)
                image_id, track_id = whole(person, "image_id"), whole(person, "track_id")
                if image_id not in self._index:
                    if image_id in self._missing:
                        continue  # its frame was rejected, which is reported once
                    raise FieldError("image_id", "the id of an image of the file", image_id)
                here = rows.setdefault(self._index[image_id], {})
                if track_id in here:
                    raise FieldError("track_id", "an identity once in a frame", track_id)
                here[track_id] = _keypoints(person, channels), self._head_size(position, person)
            except ValueError as error:
                self._reject(f"annotations[{position}]", error)
        self.video.frames = {index: _frame(index, rows[index]) for index in sorted(rows) if rows[index]}

    def _head_size(self, position: int, person: Record) -> float:
        if person.get("bbox_head") is None:
            return float("nan")
        try:
            return HEAD_SIZE * math.hypot(*box_xywh(person, "bbox_head")[2:])
        except FieldError as error:
            self._reject(f"annotations[{position}]", error)
            return float("nan")

    def _reject(self, location: str, reason: ValueError) -> None:
        self.video.rejects.append(f"{self._source} {location}: {reason}")


def _keypoints(person: Record, channels: KeypointChannels) -> FloatArray:
    """(17,3): x, y, and 1 where annotated."""
    keypoints = read_keypoints(person, channels, (0, 1, 2))
    return np.column_stack([keypoints.x, keypoints.y, np.array(keypoints.visibility) > 0])


def _frame(index: int, persons: Mapping[int, tuple[FloatArray, float]]) -> AnnotatedFrame:
    ids = sorted(persons)
    points = np.stack([persons[track_id][0] for track_id in ids])
    poses = FramePoses(index, np.array(ids), points[..., :2], points[..., 2])
    return AnnotatedFrame(poses, np.array([persons[track_id][1] for track_id in ids]))
