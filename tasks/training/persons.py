"""Annotated persons of the tables as arrays, and the pictures they stand in."""

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
from tasks.training.pictures import Place

Source: TypeAlias = Literal["coco", "posetrack"]
Split: TypeAlias = Literal["train", "val"]


@dataclass(frozen=True)
class Persons:
    """N persons in M pictures.

    Keypoints are in the order of their source, in pixels of the picture; what is not labelled has visibility 0.
    """

    places: tuple[Place, ...]
    """(M) pictures."""
    picture: IntArray
    """(N) index into `places`."""
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
    """(N,17) whether visible or hidden, its place is told."""
    identity: IntArray
    """(N) from 0, unique over all videos; -1 without track_id."""
    image_id: tuple[str, ...]
    """(N) COCO picture, or video_id/frame_index."""
    digest: str
    """Of the rows and of the pictures' bytes."""

    def __len__(self) -> int:
        return len(self.picture)

    def chosen(self, which: npt.NDArray[Any]) -> "Persons":
        """The persons that a mask or an index array chooses, in that order; pictures stay as they are."""
        names = ("picture", "box_xywh", "box_head_xywh", "area", "x", "y", "labelled", "identity")
        images = tuple(np.array(self.image_id, dtype=object)[which])
        return replace(self, image_id=images, **{name: getattr(self, name)[which] for name in names})


def read_persons(tables: Path, source: Source, split: Split) -> Persons:
    """Persons with at least one labelled keypoint and a box of some size; crowd regions are left out."""
    rows = read_table(PERSONS, PERSONS.path(tables)).to_pylist()
    rows = [row for row in rows if row["source"] == source and row["split"] == split and _is_usable(row)]
    pictures = _coco_pictures(tables) if source == "coco" else _posetrack_pictures(tables)
    keys = [_picture_key(row) for row in rows]
    shown = sorted(set(keys))
    number = {key: index for index, key in enumerate(shown)}
    column = partial(_column, rows)
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode())
    digest.update("".join(pictures[key][1] for key in shown).encode())
    return Persons(
        places=tuple(pictures[key][0] for key in shown),
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


def joined(persons: Persons, others: Persons) -> Persons:
    """Both, `others` behind; of `others` nobody may have an identity, since their numbers would meet."""
    names = ("box_xywh", "box_head_xywh", "area", "x", "y", "labelled", "identity")
    return Persons(
        places=persons.places + others.places,
        picture=np.concatenate([persons.picture, others.picture + len(persons.places)]),
        image_id=persons.image_id + others.image_id,
        digest=hashlib.sha256((persons.digest + others.digest).encode()).hexdigest(),
        **{name: np.concatenate([getattr(persons, name), getattr(others, name)]) for name in names},
    )


def in_posetrack_channels(persons: Persons) -> Persons:
    """COCO persons without their eyes, whose channels find head_bottom and head_top in PoseTrack's order."""
    labelled = np.zeros_like(persons.labelled)
    labelled[:, SHARED_KEYPOINTS] = persons.labelled[:, SHARED_KEYPOINTS]
    return replace(persons, labelled=labelled, digest=f"{persons.digest} in PoseTrack's channels")


def require_persons(persons: Persons, stage: str, source: Source) -> Persons:
    """The same persons; raises InputError when there are none to train on."""
    if len(persons):
        return persons
    where = "data/coco*/annotations" if source == "coco" else "data/posetrack/annotations"
    raise InputError(
        f"{stage}: expected training persons with labelled keypoints in {where} (split train), found none; "
        "look at what the index stage set aside in artifacts/tables/rejects.parquet"
    )


def _is_usable(row: dict[str, Any]) -> bool:
    return not row["is_crowd"] and max(row["visibility"]) > 0 and min(row["box_xywh"][2:]) > 0


def _picture_key(row: dict[str, Any]) -> str:
    return row["image_id"] if row["video_id"] is None else f"{row['video_id']}/{row['frame_index']:06d}"


def _coco_pictures(tables: Path) -> dict[str, tuple[Place, str]]:
    rows = read_table(IMAGES, IMAGES.path(tables), ["image_id", "path", "sha256"]).to_pylist()
    return {row["image_id"]: (Place(row["path"]), row["sha256"]) for row in rows}


def _posetrack_pictures(tables: Path) -> dict[str, tuple[Place, str]]:
    columns = ["video_id", "media", "media_sha256", "frame_count"]
    videos = {row["video_id"]: row for row in read_table(VIDEOS, VIDEOS.path(tables), columns).to_pylist()}
    rows = read_table(FRAMES, FRAMES.path(tables), ["video_id", "frame_index", "path"]).to_pylist()
    return {
        _picture_key(row): (_place_in(videos[row["video_id"]], row), videos[row["video_id"]]["media_sha256"])
        for row in rows
    }


def _place_in(video: dict[str, Any], frame: dict[str, Any]) -> Place:
    if frame["path"] is not None:
        return Place(frame["path"])
    return Place(video["media"], frame["frame_index"], video["frame_count"])


def _column(rows: list[dict[str, Any]], name: str, width: int) -> FloatArray:
    values = [row[name] if row[name] is not None else [np.nan] * width for row in rows]
    return np.array(values, dtype=np.float64).reshape(len(rows), width)


def _identities(rows: list[dict[str, Any]]) -> IntArray:
    tracks = [None if row["track_id"] is None else (row["video_id"], row["track_id"]) for row in rows]
    number = {track: index for index, track in enumerate(sorted({track for track in tracks if track is not None}))}
    return np.array([-1 if track is None else number[track] for track in tracks], dtype=np.int64)
