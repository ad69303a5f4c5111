"""The formats of pose files by name, and how a file's format is found out from its content."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from models.keypoints import POSETRACK_KEYPOINTS
from tasks.errors import InputError
from tasks.formats.errors import FieldError
from tasks.formats.pose_files import (
    coco,
    deeplabcut,
    mediapipe,
    mmpose,
    openpose,
    parquet,
    posetrack17,
    sleap,
    ultralytics,
)
from tasks.formats.pose_files.records import FrameRecord, NoPersonError, Person, PoseFile, read_persons
from tasks.formats.pose_files.source import Document, PoseSource
from tasks.formats.posetrack17 import is_posetrack17

AUTO: Final = "auto"
_PARQUET: Final = b"PAR1"


@dataclass(frozen=True)
class PoseFormat:
    """A format that poses are read from."""

    name: str
    description: str
    recognises: Callable[[PoseSource], bool]
    read: Callable[[PoseSource], PoseFile]


def read_poses(path: Path, format_name: str = AUTO) -> PoseFile:
    """The poses of a file, or of a folder with one file per frame.

    Args:
        path: file or folder.
        format_name: a name of `FORMATS`, or auto: the first format that recognises the content.

    Raises:
        InputError: it is not there, of no known format, or not of the format that is named; the message names the path.
    """
    source = PoseSource(path)
    try:
        _require_content(source)
        return _format_of(source, format_name).read(source)
    except (FieldError, NoPersonError) as error:
        raise InputError(f"{path}: {error}") from error
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path}: {error}") from error
    except RecursionError as error:
        raise InputError(f"{path}: expected poses, got brackets nested too deeply") from error


def _require_content(source: PoseSource) -> None:
    if source.path.is_dir() and not source.files:
        raise InputError(f"{source.path}: expected a folder with one .json or .txt file per frame, got none")


def _format_of(source: PoseSource, format_name: str) -> PoseFormat:
    if format_name != AUTO and format_name not in FORMATS:
        raise InputError(f"index.pose_format must be {AUTO} or one of {', '.join(FORMATS)}, got {format_name}")
    if format_name != AUTO:
        if not FORMATS[format_name].recognises(source):
            raise InputError(f"{source.path}: expected {FORMATS[format_name].description}, got something else")
        return FORMATS[format_name]
    known = next((entry for entry in FORMATS.values() if entry.recognises(source)), None)
    if known is None:
        listed = "; ".join(f"{entry.name}: {entry.description}" for entry in FORMATS.values())
        raise InputError(f"{source.path}: expected poses in a known format ({listed}), got something else")
    return known


@dataclass(frozen=True)
class _JsonFamily:
    """How a format of JSON documents is recognised and read."""

    recognises: Callable[[Any], bool]
    frames: Callable[[tuple[Document, ...]], Iterable[FrameRecord]]
    person: Callable[[Any], Person | None]
    names: Callable[[Any], tuple[str, ...] | None] = lambda document: None
    is_relative: bool = False
    first_number: int | None = None


def _json_format(name: str, description: str, family: _JsonFamily) -> PoseFormat:
    """A format of JSON documents: recognised by any of them, its keypoints named by the first."""

    def read(source: PoseSource) -> PoseFile:
        documents = source.documents
        if not documents:
            raise FieldError("file", "JSON", source.head)
        return read_persons(
            name,
            family.frames(documents),
            family.person,
            names=family.names(documents[0][1]),
            is_relative=family.is_relative,
            first_number=family.first_number,
        )

    def recognises(source: PoseSource) -> bool:
        return any(family.recognises(document) for _, document in source.documents)

    return PoseFormat(name, description, recognises, read)


def _text_format(
    name: str,
    description: str,
    recognises: Callable[[str], bool],
    frames: Callable[[str], Iterable[FrameRecord]],
    person: Callable[[Any], Person | None],
    *,
    names: Callable[[str], tuple[str, ...]],
) -> PoseFormat:
    """A format of one text file."""

    def is_text(source: PoseSource) -> bool:
        return not source.path.is_dir() and not _is_binary(source) and recognises(source.texts[0][1])

    def read(source: PoseSource) -> PoseFile:
        text = source.texts[0][1]
        return read_persons(name, frames(text), person, names=names(text))

    return PoseFormat(name, description, is_text, read)


def _is_binary(source: PoseSource) -> bool:
    return source.head.startswith(_PARQUET) or bool(source.documents)


def _are_labels(source: PoseSource) -> bool:
    return not _is_binary(source) and ultralytics.are_labels(source.texts)


def _read_labels(source: PoseSource) -> PoseFile:
    frames, person = ultralytics.frames_of_labels(source.texts), ultralytics.label_person
    return read_persons("ultralytics-txt", frames, person, is_relative=True, first_number=1)


def _read_parquet(source: PoseSource) -> PoseFile:
    return read_persons("parquet", parquet.frames(source.path), parquet.person, names=POSETRACK_KEYPOINTS)


_ALL: Final = (
    PoseFormat(
        "parquet",
        "our own tables poses, tracks and merged_tracks",
        lambda source: source.head.startswith(_PARQUET),
        _read_parquet,
    ),
    _json_format(
        "posetrack17",
        "PoseTrack17 JSON",
        _JsonFamily(is_posetrack17, posetrack17.frames, posetrack17.person, names=posetrack17.names),
    ),
    _json_format(
        "coco",
        "COCO JSON with images and annotations, as PoseTrack18 and 21 are",
        _JsonFamily(coco.is_whole_file, coco.frames_of_whole_file, coco.person, names=coco.names_of_whole_file),
    ),
    _json_format(
        "alphapose",
        "AlphaPose JSON",
        _JsonFamily(coco.is_alphapose, coco.frames_of_alphapose, coco.person, first_number=0),
    ),
    _json_format(
        "coco-results",
        "COCO keypoint results, by image_id or frame_index",
        _JsonFamily(coco.is_results, coco.frames_of_results, coco.person),
    ),
    _json_format(
        "openpose",
        "a folder of OpenPose JSON, BODY_25 or COCO-18",
        _JsonFamily(openpose.recognises, openpose.frames, openpose.person, first_number=0),
    ),
    _json_format(
        "mmpose",
        "MMPose JSON",
        _JsonFamily(mmpose.is_mmpose, mmpose.frames_of_mmpose, mmpose.person, names=mmpose.names),
    ),
    _json_format(
        "rtmlib",
        "rtmlib's keypoints and scores as JSON",
        _JsonFamily(mmpose.is_rtmlib, mmpose.frames_of_rtmlib, mmpose.person),
    ),
    _json_format(
        "ultralytics",
        "the JSON of Ultralytics' results",
        _JsonFamily(ultralytics.recognises, ultralytics.frames, ultralytics.person),
    ),
    _json_format(
        "mediapipe",
        "MediaPipe's pose landmarks as JSON",
        _JsonFamily(mediapipe.recognises, mediapipe.frames, mediapipe.person, is_relative=True),
    ),
    _text_format(
        "deeplabcut",
        "DeepLabCut's csv or h5",
        deeplabcut.recognises,
        deeplabcut.frames,
        deeplabcut.person,
        names=deeplabcut.names,
    ),
    _text_format(
        "sleap",
        "SLEAP's labels (slp), or its analysis (csv or h5)",
        sleap.recognises,
        sleap.frames,
        sleap.person,
        names=sleap.names,
    ),
    PoseFormat("ultralytics-txt", "a folder of Ultralytics' keypoint labels (.txt)", _are_labels, _read_labels),
)

FORMATS: Final = MappingProxyType({entry.name: entry for entry in _ALL})
"""Every format by name, in the order in which they are tried."""
