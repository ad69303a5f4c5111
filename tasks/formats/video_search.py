"""Where the videos of a corpus lie: which files and folders below it are videos without annotations."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Final

from tasks.errors import raise_machine_fault
from tasks.formats.frame_order import FrameOrderError, frame_numbers, frame_order
from tasks.formats.pictures import PICTURE_ENDINGS
from tasks.out_folder import MARKER

VIDEO_ENDINGS: Final = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".divx", ".mpg", ".mpeg", ".m1v", ".m2v", ".vob"),
        *(".ts", ".mts", ".m2ts", ".wmv", ".asf", ".flv", ".f4v", ".3gp", ".3g2", ".ogv", ".mxf", ".dv", ".y4m"),
        *(".mjpeg", ".mjpg", ".h264", ".264", ".h265", ".265", ".hevc"),
    }
)
_OTHER_MEDIA: Final = frozenset({".gif", ".heic", ".heif", ".avif", ".dng", ".swf", ".rm", ".rmvb"})
"""Endings of pictures and videos that are not read."""
ANNOTATION_FOLDERS: Final = ("annotations", "posetrack_data")
"""Folders of annotations below the root of a set: PoseTrack18's, and PoseTrack21's as downloaded."""
_VIDEOS_FOLDER: Final = "videos"
_PARTS_OF_A_SET: Final = (*ANNOTATION_FOLDERS, "images", "detections")
DEEPEST: Final = 8
"""Levels of folders below a corpus that are searched."""


@dataclass
class VideoSearch:
    """What lies below a folder."""

    videos: list[Path] = field(default_factory=list)
    """Video files and frame folders, folder by folder."""
    passed_over: list[tuple[Path, str, str]] = field(default_factory=list)
    """Folder, name in it, and why it is no video."""


def bare_videos(data: Path) -> list[Path]:
    """Video files and frame folders below `data`, folder by folder, without those of the annotated sets."""
    return search_videos(data).videos


def search_videos(data: Path) -> VideoSearch:
    """Find the videos without annotations below `data`; hidden files and folders are passed over."""
    files = VideoSearch()
    _search(files, data, 0, set(), holds_frames=False)
    return files


def video_id_of(corpus: Path, video: Path) -> str:
    """Name of a video without annotations: its path below the corpus, without the ending.

    It depends on no other file, so that it stays when files are added, and videos of different folders may be called
    alike. The folder `videos`, in which data/ keeps them, is no part of it.
    """
    parts = (video.name,) if video == corpus else video.relative_to(corpus).parts
    parts = parts[1:] if len(parts) > 1 and parts[0] == _VIDEOS_FOLDER else parts
    return "/".join((*parts[:-1], parts[-1] if video.is_dir() else Path(parts[-1]).stem))


def pictures_of(folder: Path) -> list[Path]:
    """Pictures of a frame folder by name, without hidden files; MOT keeps them in `img1` below it."""
    return _pictures_in(folder) or _pictures_in(folder / "img1")


def is_frame_folder(folder: Path) -> bool:
    """Whether the pictures in a folder are the frames of a video.

    Beside videos, or above folders with some, they are only if their names count; else they are covers or the like.
    """
    pictures = pictures_of(folder)
    if not pictures or is_set(folder):
        return False
    return _count_frames(pictures) or not _has_other_videos(folder, pictures)


def is_set(folder: Path) -> bool:
    """Whether a folder is the root of an annotated set."""
    return any((folder / name).is_dir() for name in ANNOTATION_FOLDERS)


def posetrack_roots(data: Path) -> list[Path]:
    """Roots of PoseTrack sets, that file names are relative to: folders posetrack*, and `data` where it is one."""
    roots = [path for path in sorted(data.glob("posetrack*")) if path.is_dir() and path.name not in ANNOTATION_FOLDERS]
    return [*roots, data]


def detections_beside(data: Path, media: str) -> Path | None:
    """The file of detections of a bare video, by its `media` path: None where there is none.

    For a video file NAME.mp4: NAME.det.txt beside it, or det.txt if it is the folder's only video.
    For a frame folder: det.txt or det/det.txt in it, or NAME.det.txt beside it.
    """
    path = data / media
    if path.is_dir() and path.name == "img1":
        path = path.parent
    is_folder = path.is_dir()
    named = path.with_name(f"{path.name if is_folder else path.stem}.det.txt")
    beside = [path / "det.txt", path / "det" / "det.txt"] if is_folder else [path.parent / "det.txt"]
    boxes = next((candidate for candidate in (named, *beside) if candidate.is_file()), None)
    is_of_all = boxes in beside and not is_folder
    return None if is_of_all and not _holds_one_video(path.parent) else boxes


def _holds_one_video(folder: Path) -> bool:
    """Whether a folder holds a single video file; a full one is not read to its end."""
    with os.scandir(folder) as entries:
        videos = (entry for entry in entries if Path(entry.name).suffix.lower() in VIDEO_ENDINGS)
        return len(list(islice(videos, 2))) == 1


def _search(search: VideoSearch, folder: Path, depth: int, seen: set[Path], *, holds_frames: bool) -> None:
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise_machine_fault(error)
        search.passed_over.append((folder, "", f"expected a folder that can be read, got {error.strerror}"))
        return
    if (real := folder.resolve()) in seen:  # a link to a folder above
        return
    if depth and (folder / MARKER).is_file():
        search.passed_over.append((folder, "", "expected videos, got an out folder of corrtrack, which holds results"))
        return
    seen.add(real)
    files = [path for path in entries if not path.is_dir()]
    devices = {path for path in files if not path.is_file() and path.exists()}  # to open a pipe is to wait for ever
    folders = [path for path in entries if path.is_dir() and not _is_read_otherwise(path, depth)]
    videos = [path for path in files if path.suffix.lower() in VIDEO_ENDINGS and path not in devices]
    frame_folders = {path for path in folders if is_frame_folder(path)}
    search.videos += sorted([*videos, *frame_folders])
    search.passed_over += [
        (folder, path.name, "expected a file, got a pipe or a device")
        for path in files
        if path in devices and path.suffix.lower() in VIDEO_ENDINGS | PICTURE_ENDINGS
    ]
    search.passed_over += [
        (folder, path.name, f"expected a video or a picture in a known format, got {path.suffix}; convert it")
        for path in files
        if path.suffix.lower() in _OTHER_MEDIA
    ]
    if not holds_frames:
        _pass_over_pictures(search, folder)
    for path in folders if depth < DEEPEST else ():
        _search(search, path, depth + 1, seen, holds_frames=path in frame_folders)


def _pass_over_pictures(search: VideoSearch, folder: Path) -> None:
    """Note the pictures beside videos that are no frames."""
    pictures = _pictures_in(folder)
    if pictures and not is_set(folder):
        more = f" and {len(pictures) - 1} more pictures" if len(pictures) > 1 else ""
        reason = f"expected videos or folders of frames, got {pictures[0].name}{more} beside them"
        search.passed_over.append((folder, pictures[0].name, reason))


def _is_read_otherwise(folder: Path, depth: int) -> bool:
    """Whether it belongs to an annotated set, which lie at the top, or holds the frames of the folder around it."""
    if depth:
        return folder.name == "img1" and not _pictures_in(folder.parent)
    is_other_set = fnmatch(folder.name, "coco*") or (fnmatch(folder.name, "posetrack*") and is_set(folder))
    return is_other_set or (folder.name in _PARTS_OF_A_SET and is_set(folder.parent))


def _pictures_in(folder: Path) -> list[Path]:
    files = (path for path in folder.glob("*") if path.suffix.lower() in PICTURE_ENDINGS)
    return sorted(path for path in files if not path.name.startswith(".") and path.is_file())


def _count_frames(pictures: Sequence[Path]) -> bool:
    """Whether a number in the names counts the pictures."""
    try:
        return len(pictures) > 1 and frame_numbers(frame_order(path.name for path in pictures)) is not None
    except FrameOrderError:
        return True  # pictures of several series, which the reader of frame folders rejects with the reason


def _has_other_videos(folder: Path, pictures: Sequence[Path]) -> bool:
    return any(_media_below(folder, 0, {picture.parent for picture in pictures}))


def _media_below(folder: Path, depth: int, known: set[Path]) -> Iterator[Path]:
    """Videos in a folder and below it, and pictures in folders that are not `known`."""
    try:
        entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise_machine_fault(error)
        return
    yield from (path for path in entries if path.suffix.lower() in VIDEO_ENDINGS and path.is_file())
    if folder not in known:
        yield from _pictures_in(folder)
    for path in entries:
        if depth < DEEPEST and path.is_dir():
            yield from _media_below(path, depth + 1, known)
