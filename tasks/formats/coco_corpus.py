"""COCO keypoint sets (`data/coco*`), every record checked."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.keypoints import COCO_KEYPOINTS
from tasks.errors import InputError
from tasks.formats.annotated_person import KeypointChannels, check_inside, keypoint_channels, read_keypoints
from tasks.formats.corpus_part import CorpusPart, Row
from tasks.formats.errors import FieldError
from tasks.formats.fields import Record, box_xywh, flag, is_absent, is_of, key_of, real, records, unique_id, whole
from tasks.formats.json_files import load_json
from tasks.formats.pictures import PictureFile, check_pictures
from tasks.formats.posetrack_records import AnnotationIds, box_around
from tasks.paths import below

_ANNOTATIONS: Final = re.compile(r"person_keypoints_(train|val)(2017)?\.json")
_LAYOUT: Final = "annotations/person_keypoints_{train,val}[2017].json"
Tick = Callable[[], None]


@dataclass(frozen=True)
class _CocoSet:
    """One annotation file: its name and its pictures' possible folders."""

    source: str
    name: str
    split: str
    folders: tuple[Path, ...]

    @classmethod
    def of(cls, data: Path, path: Path, split: str, year: str) -> "_CocoSet":
        root = path.parent.parent
        folders = [root / images / f"{split}{ending}" for images in ("images", "") for ending in (year, "2017", "")]
        folders += [root / "images", root]  # names may have the folder of their split before them
        return cls(path.relative_to(data).as_posix(), root.name, split, tuple(dict.fromkeys(folders)))

    def picture(self, file_name: object) -> Path:
        """The picture's file in the first folder that has it; raises ValueError for a name that leads elsewhere."""
        candidates = [below(folder, file_name) for folder in self.folders]
        return next((path for path in candidates if path.is_file()), candidates[0])


def read_coco(
    data: Path, tick: Tick = lambda: None, *, files: Mapping[Path, Sequence[Path]] | None = None
) -> CorpusPart:
    """Pictures with persons, and these persons, of every set `data/coco*`, and of `data` where it is one.

    `tick` is called after each picture; `files` are the `coco_files` of `data`, where they are known.
    """
    part = CorpusPart()
    for root, paths in (coco_files(data) if files is None else files).items():
        read: dict[str, str] = {}
        for path in paths:
            source = path.relative_to(data).as_posix()
            match = _ANNOTATIONS.fullmatch(path.name)
            if match is None:
                part.reject(source, "", f"expected {_LAYOUT}, got another name; not read")
            elif (split := match[1]) in read:
                part.reject(source, "", f"expected one file for the split {split}, got also {read[split]}; not read")
            else:
                read[split] = path.name
                part.add(_read_set(path, _CocoSet.of(data, path, split, match[2] or ""), tick, data))
        if not read:
            part.reject(root.name, "", f"expected {_LAYOUT}, got no such file")
    return part


def coco_files(data: Path) -> dict[Path, list[Path]]:
    """JSON files of each folder `coco*`, and of `data` itself where a set lies there as downloaded."""
    roots = sorted(path for path in data.glob("coco*") if path.is_dir())
    is_set = any(_ANNOTATIONS.fullmatch(path.name) for path in (data / "annotations").glob("*.json"))
    roots += [data] if is_set else []
    return {root: sorted((root / "annotations").glob("*.json")) for root in roots}


def _read_set(path: Path, coco_set: _CocoSet, tick: Tick, data: Path) -> CorpusPart:
    part = CorpusPart()
    try:
        document = load_json(path)
        if not isinstance(document, dict):
            raise FieldError("file", "an object with images, annotations and categories", document)
        channels = keypoint_channels(document, COCO_KEYPOINTS)
        listed, persons = records(document, "images"), records(document, "annotations")
    except (InputError, FieldError) as error:
        part.reject(coco_set.source, "", str(error).removeprefix(f"{path}: "))
        return part
    wanted = {key_of(person, "image_id") for person in persons if isinstance(person, dict)}
    images, known = _images(part, coco_set, listed, wanted)
    sizes = _check_images(part, coco_set, images, tick, data)
    _persons(part, coco_set, persons, channels, known=known, sizes=sizes)
    return part


def _images(
    part: CorpusPart, coco_set: _CocoSet, listed: Sequence[Any], wanted: set[Any]
) -> tuple[dict[int, tuple[Path, Record]], set[int]]:
    """Picture file and record by id, of the pictures that any person is annotated in; and the ids of all."""
    usable: dict[int, tuple[Path, Record]] = {}
    known: set[int] = set()
    for position, image in enumerate(listed):
        where = f"images[{position}]"
        try:
            key = unique_id(image, known)
            where = f"image {key}"
            if key in wanted:
                _size(image)
                usable[key] = (coco_set.picture(image.get("file_name")), image)
        except ValueError as error:
            part.reject(coco_set.source, where, error)
    return usable, known


def _check_images(
    part: CorpusPart, coco_set: _CocoSet, images: dict[int, tuple[Path, Record]], tick: Tick, data: Path
) -> dict[int, PictureFile]:
    """Add the pictures that are whole and of the size that the annotation states; give them by id."""
    sizes = {}
    checked = check_pictures(path for path, _ in images.values())
    for (key, (path, image)), picture in zip(images.items(), checked, strict=True):
        tick()
        listed = _size(image)
        if isinstance(picture, str):
            part.reject(coco_set.source, f"image {key}", picture)
        elif listed not in (None, size := f"{picture.width}x{picture.height}"):
            is_turned = picture.is_turned and listed == f"{picture.height}x{picture.width}"
            why = "; its annotations fit only the picture without its EXIF orientation" if is_turned else ""
            reason = f"{path.name}: expected {listed} as annotated, got {size}{why}"
            part.reject(coco_set.source, f"image {key}", reason)
        else:
            sizes[key] = picture
            part.images.append(_image_row(coco_set, key, path.relative_to(data).as_posix(), picture))
    return sizes


def _size(image: Record) -> str | None:
    """Width and height as annotated, in words; None where the record has neither."""
    if is_absent(image, "width") and is_absent(image, "height"):
        return None
    return f"{whole(image, 'width', least=1)}x{whole(image, 'height', least=1)}"


def _image_row(coco_set: _CocoSet, key: int, path: str, picture: PictureFile) -> Row:
    return {
        **{
            "image_id": f"{coco_set.name}/{coco_set.split}/{key}",
            "split": coco_set.split,
            "path": path,
            "source_id": key,
        },
        **{"width": picture.width, "height": picture.height, "sha256": picture.sha256},
    }


def _persons(
    part: CorpusPart,
    coco_set: _CocoSet,
    persons: Sequence[Any],
    channels: KeypointChannels,
    *,
    known: set[Any],
    sizes: dict[int, PictureFile],
) -> None:
    ids = AnnotationIds(persons)
    for position, person in enumerate(persons):
        where = f"annotations[{position}]"
        try:
            key = ids.of(person)
            where = f"person {key}"
            image_id = whole(person, "image_id")
            if image_id not in known:
                raise FieldError("image_id", "the id of an image of the file", image_id)
            if not is_of(person, channels.category_id):
                raise FieldError("category_id", f"{channels.category_id}, the person", person.get("category_id"))
            if image_id in sizes:  # else the picture was rejected, and that is reported once
                part.persons.append(_person_row(coco_set, key, person, channels, sizes[image_id]))
        except ValueError as error:
            part.reject(coco_set.source, where, error)


def _person_row(coco_set: _CocoSet, key: int, person: Record, channels: KeypointChannels, picture: PictureFile) -> Row:
    is_crowd = not is_absent(person, "iscrowd") and flag(person, "iscrowd")
    keypoints = read_keypoints(person, channels, (0, 1, 2))
    box = box_around(keypoints) if is_absent(person, "bbox") else box_xywh(person, "bbox")
    check_inside(keypoints, box, width=picture.width, height=picture.height)
    area = box[2] * box[3] if is_absent(person, "area") else real(person, "area")
    if area <= 0:
        raise FieldError("area", "a positive number", area)
    image_id = f"{coco_set.name}/{coco_set.split}/{whole(person, 'image_id')}"
    return {
        **{
            "person_id": f"{image_id}/{key}",
            "source": "coco",
            "split": coco_set.split,
            "image_id": image_id,
        },
        **{"video_id": None, "frame_index": None, "track_id": None, "annotation_id": key},
        **{"box_xywh": box, "box_head_xywh": None, "area": area, "is_crowd": is_crowd},
        **{"x": keypoints.x, "y": keypoints.y, "visibility": keypoints.visibility},
    }
