"""Annotated persons of the tables as arrays, with the locations of their pictures."""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from models.arrays import BoolArray, FloatArray, IntArray
from models.keypoints import SHARED_KEYPOINTS
from tasks.errors import InputError
from tasks.tables.files import read_table
from tasks.tables.schemas import FRAMES, IMAGES, PERSONS, VIDEOS
from tasks.training.pictures import PictureLocation

Source: TypeAlias = Literal["coco", "posetrack"]
Split: TypeAlias = Literal["train", "val"]


@dataclass(frozen=True)
class AnnotatedPersons:
    """N persons in M pictures.

    Keypoints are in the order of their source, in pixels of the picture.
    """

    locations: tuple[PictureLocation, ...]
    """(M) pictures."""
    picture: IntArray
    """(N) index into `locations`."""
    box_xywh: FloatArray
    """(N,4)."""
    box_head_xywh: FloatArray
    """(N,4); NaN where there is none."""
    area: FloatArray
    """(N) segment area."""
    x: FloatArray
    """(N,17)."""
    y: FloatArray
    """(N,17)."""
    labelled: BoolArray
    """(N,17) keypoints with a position, visible or hidden."""
    identity: IntArray
    """(N) from 0, unique over all videos; -1 without track_id."""
    image_id: tuple[str, ...]
    """(N) COCO picture, or video_id/frame_index."""
    digest: str
    """Of the rows and of the pictures' bytes."""

    def __len__(self) -> int:
        return len(self.picture)

    def chosen(self, which: npt.NDArray[Any]) -> "AnnotatedPersons":
        """The persons that a mask or an index array chooses, in that order; pictures stay as they are."""
        names = ("picture", "box_xywh", "box_head_xywh", "area", "x", "y", "labelled", "identity")
        images = tuple(np.array(self.image_id, dtype=object)[which])
        return replace(self, image_id=images, **{name: getattr(self, name)[which] for name in names})


def read_persons(tables: Path, source: Source, split: Split) -> AnnotatedPersons:
    """Read the persons with at least one labelled keypoint and a box of positive size; crowd regions are left out."""
    rows = read_table(PERSONS, PERSONS.path(tables)).to_pylist()
    rows = [row for row in rows if row["source"] == source and row["split"] == split and _is_usable(row)]
    pictures = _coco_pictures(tables) if source == "coco" else _posetrack_pictures(tables)
    keys = [_picture_key(row) for row in rows]
    shown = sorted(set(keys))
    number = {key: index for index, key in enumerate(shown)}
    column = partial(_column, rows)
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode())
    digest.update("".join(pictures[key][1] for key in shown).encode())
    return AnnotatedPersons(
        locations=tuple(pictures[key][0] for key in shown),
        picture=np.array([number[key] for key in keys], dtype=np.int64),
        box_xywh=column("box_xywh", 4),
        box_head_xywh=column("box_head_xywh", 4),
        area=column("area", 1)[:, 0],
        x=column("x", 17),
        y=column("y", 17),
        labelled=column("visibility", 17) > 0,
        identity=_identities(rows),
        image_id=tuple(keys),
        digest=digest.hexdigest(),
    )


def join_persons(persons: AnnotatedPersons, others: AnnotatedPersons) -> AnnotatedPersons:
    """Persons of two sources, `others` last; these must have no identities, whose numbers would collide."""
    names = ("box_xywh", "box_head_xywh", "area", "x", "y", "labelled", "identity")
    return AnnotatedPersons(
        locations=persons.locations + others.locations,
        picture=np.concatenate([persons.picture, others.picture + len(persons.locations)]),
        image_id=persons.image_id + others.image_id,
        digest=hashlib.sha256((persons.digest + others.digest).encode()).hexdigest(),
        **{name: np.concatenate([getattr(persons, name), getattr(others, name)]) for name in names},
    )


def in_posetrack_channels(persons: AnnotatedPersons) -> AnnotatedPersons:
    """COCO persons without their eyes: in PoseTrack's order these channels are head_bottom and head_top."""
    labelled = np.zeros_like(persons.labelled)
    labelled[:, SHARED_KEYPOINTS] = persons.labelled[:, SHARED_KEYPOINTS]
    return replace(persons, labelled=labelled, digest=f"{persons.digest} in PoseTrack's channels")


def require_persons(persons: AnnotatedPersons, stage: str, source: Source) -> AnnotatedPersons:
    """Return the persons; raise InputError when there are none to train on."""
    if len(persons):
        return persons
    where = "data/coco*/annotations" if source == "coco" else "data/posetrack/annotations"
    raise InputError(
        f"{stage}: expected training persons with labelled keypoints in {where} (split train), found none; "
        "see what the index stage rejected in artifacts/tables/rejects.parquet"
    )


def _is_usable(row: dict[str, Any]) -> bool:
    return not row["is_crowd"] and max(row["visibility"]) > 0 and min(row["box_xywh"][2:]) > 0


def _picture_key(row: dict[str, Any]) -> str:
    return row["image_id"] if row["video_id"] is None else f"{row['video_id']}/{row['frame_index']:06d}"


def _coco_pictures(tables: Path) -> dict[str, tuple[PictureLocation, str]]:
    rows = read_table(IMAGES, IMAGES.path(tables), ["image_id", "path", "sha256"]).to_pylist()
    return {row["image_id"]: (PictureLocation(row["path"]), row["sha256"]) for row in rows}


def _posetrack_pictures(tables: Path) -> dict[str, tuple[PictureLocation, str]]:
    columns = ["video_id", "media", "media_sha256", "frame_count"]
    videos = {row["video_id"]: row for row in read_table(VIDEOS, VIDEOS.path(tables), columns).to_pylist()}
    rows = read_table(FRAMES, FRAMES.path(tables), ["video_id", "frame_index", "path"]).to_pylist()
    return {
        _picture_key(row): (_location_in(videos[row["video_id"]], row), videos[row["video_id"]]["media_sha256"])
        for row in rows
    }


def _location_in(video: dict[str, Any], frame: dict[str, Any]) -> PictureLocation:
    if frame["path"] is not None:
        return PictureLocation(frame["path"])
    return PictureLocation(video["media"], frame["frame_index"], video["frame_count"])


def _column(rows: list[dict[str, Any]], name: str, width: int) -> FloatArray:
    values = [row[name] if row[name] is not None else [np.nan] * width for row in rows]
    return np.array(values, dtype=np.float64).reshape(len(rows), width)


def _identities(rows: list[dict[str, Any]]) -> IntArray:
    tracks = [None if row["track_id"] is None else (row["video_id"], row["track_id"]) for row in rows]
    number = {track: index for index, track in enumerate(sorted({track for track in tracks if track is not None}))}
    return np.array([-1 if track is None else number[track] for track in tracks], dtype=np.int64)
