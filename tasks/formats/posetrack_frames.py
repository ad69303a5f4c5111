"""The frames that a PoseTrack annotation lists: pictures in one folder, or a video file instead of that folder."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tasks.errors import InputError
from tasks.formats.errors import FieldError, InWords
from tasks.formats.fields import Record
from tasks.formats.pictures import PictureFile, check_pictures
from tasks.formats.video_search import VIDEO_ENDINGS
from tasks.formats.videos import decoded_video
from tasks.paths import below

Listed: TypeAlias = Sequence[tuple[int, Record]]
"""Id and record of each frame of a file, in order of time."""


@dataclass(frozen=True)
class Frame:
    """A frame that decodes."""

    index: int
    """From 0, without gaps."""
    record: Record
    path: Path | None
    """Its picture; None where the video is one file."""
    seconds: float | None = None
    """Time since the first frame, where the video is one file."""


@dataclass(frozen=True)
class PoseTrackVideo:
    """All frames of a video, of one size, by id."""

    media: Path
    """Folder of pictures or video file."""
    sha256: str
    """Of all bytes of the frames."""
    width: int
    height: int
    frames_per_second: float | None
    frames: Mapping[int, Frame]


def read_annotated_video(root: Path, listed: Listed, reject: Callable[[str, str], object]) -> PoseTrackVideo:
    """Find and decode what is listed; `reject` gets location and reason of each rejected frame.

    Args:
        root: the folder that file names are relative to.
        listed: frames whose names lie in one folder below it. For folder NAME a file NAME.mp4 beside where it should
            be (or another of VIDEO_ENDINGS) will do, whose frames are the listed ones, one by one.
        reject: called for each rejected frame.

    Raises:
        FieldError: no frame can be used, or a video file has not as many as are listed.
        InputError: a video file does not decode.
    """
    paths = [below(root, image["file_name"]) for _, image in listed]
    file = _video_file_for(paths[0].parent)
    return _of_pictures(listed, paths, reject) if file is None else _of_video_file(file, listed)


def _video_file_for(folder: Path) -> Path | None:
    """The video file that lies where the folder of pictures should."""
    if folder.exists() or not folder.parent.is_dir():
        return None
    beside = sorted(path for path in folder.parent.iterdir() if path.stem == folder.name and path.is_file())
    files = [path for path in beside if path.suffix.lower() in VIDEO_ENDINGS]
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise FieldError("images", f"one folder or video file {folder.name}", InWords(names))
    return files[0] if files else None


def _of_video_file(file: Path, listed: Listed) -> PoseTrackVideo:
    digest, decoded = decoded_video(file)
    if decoded.broken:
        raise InputError(f"{file.name}: {decoded.broken}")
    if decoded.count != len(listed):
        held = f"all {decoded.count} frames of {file.name}, or extracted pictures"
        raise FieldError("images", held, InWords(f"{len(listed)} frames"))
    frames = {key: Frame(index, image, None, decoded.seconds[index]) for index, (key, image) in enumerate(listed)}
    return PoseTrackVideo(file, digest, decoded.width, decoded.height, decoded.rate, frames)


def _of_pictures(listed: Listed, paths: Sequence[Path], reject: Callable[[str, str], object]) -> PoseTrackVideo:
    """Pictures that are whole and of the size that most have."""
    pictures = list(check_pictures(paths))
    sizes = Counter((file.width, file.height) for file in pictures if isinstance(file, PictureFile))
    if not sizes:
        raise FieldError("images", f"whole pictures of {len(listed)} frames", InWords(f"none; {pictures[0]}"))
    width, height = sizes.most_common(1)[0][0]
    frames: dict[int, Frame] = {}
    digests = ""
    for (key, image), path, picture in zip(listed, paths, pictures, strict=True):
        if isinstance(picture, str):
            reject(f"frame {key}", picture)
        elif (picture.width, picture.height) != (width, height):
            reason = f"expected {width}x{height} as most frames have, got {picture.width}x{picture.height}"
            reject(f"frame {key}", f"{path.name}: {reason}")
        else:
            frames[key] = Frame(len(frames), image, path)
            digests += picture.sha256
    return PoseTrackVideo(paths[0].parent, hashlib.sha256(digests.encode()).hexdigest(), width, height, None, frames)
