"""PoseTrack18 and PoseTrack17 annotations (`data/posetrack/annotations/{train,val}`), every record checked."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from models.keypoints import POSETRACK_KEYPOINTS
from tasks.errors import InputError
from tasks.formats.annotated_person import KeypointChannels, check_inside, keypoint_channels, read_keypoints
from tasks.formats.corpus_part import CorpusPart, Row
from tasks.formats.errors import FieldError, InWords, shown
from tasks.formats.fields import (
    Record,
    as_number,
    box_xywh,
    flag,
    is_absent,
    key_of,
    records,
    unique_id,
    whole,
)
from tasks.formats.json_files import load_json
from tasks.formats.posetrack_files import as_posetrack18
from tasks.formats.posetrack_frames import Frame, PoseTrackVideo, read_annotated_video
from tasks.formats.posetrack_records import (
    AnnotationIds,
    box_around,
    has_image,
    in_order,
    is_of_another_category,
    region_corners,
)
from tasks.formats.video_search import ANNOTATION_FOLDERS, posetrack_roots
from tasks.paths import below, video_name_problem

SPLITS: Final = ("train", "val", "test")
_UNLABELLED: Final = "test"
"""The split that is for the test server: it has no annotations."""
_EARS: Final = ("left_ear", "right_ear")
_NO_TRACK: Final = (None, -1)
_OUTLINE: Final = "an object with images, annotations and categories (PoseTrack18) or annolist (PoseTrack17)"
Tick = Callable[[], None]


def annotation_files(data: Path) -> list[tuple[str, Path]]:
    """Split and file of every annotation that is read, in order."""
    return [(split, path) for root in posetrack_roots(data) for split, path in _files_below(root)]


def _files_below(root: Path) -> Iterator[tuple[str, Path]]:
    for split in SPLITS:
        for folder in ANNOTATION_FOLDERS:
            files = sorted((root / folder / split).glob("*.json"))
            yield from ((split, path) for path in files if not path.name.startswith("."))


def read_posetrack(
    data: Path, tick: Tick = lambda: None, *, files: Sequence[tuple[str, Path]] | None = None
) -> Iterator[CorpusPart]:
    """Yield what lies where no annotations are read, then the video, frames and persons of each annotation file.

    `tick` is called after each file; `files` are the `annotation_files` of `data`, where they are known.
    """
    strays = CorpusPart()
    _reject_strays(strays, data)
    yield strays
    taken: dict[str, str] = {}
    for split, path in annotation_files(data) if files is None else files:
        source = path.relative_to(data).as_posix()
        part = CorpusPart()
        if problem := video_name_problem(path.stem, taken):
            part.reject(source, "", problem)
        else:
            taken[path.stem] = source
            part = _VideoReader(data, path, split).read()
        yield part
        tick()


def _reject_strays(part: CorpusPart, data: Path) -> None:
    """Reject JSON that lies where no annotations are read."""
    for folder in (root / name for root in posetrack_roots(data) for name in ANNOTATION_FOLDERS):
        for path in sorted(folder.glob("*.json")):
            if path.name.startswith(("person_keypoints_", ".")):  # the reader of COCO sets sees to these
                continue
            expected = f"annotations in {folder.name}/{{{','.join(SPLITS)}}}/, detections in detections/ beside it"
            part.reject(path.relative_to(data).as_posix(), "", f"expected {expected}, got another JSON; not read")
        for other in sorted(path for path in folder.glob("*") if path.is_dir() and path.name not in SPLITS):
            if count := len(list(other.glob("*.json"))):
                reason = f"expected the splits {', '.join(SPLITS)}, got {count} files of another; not read"
                part.reject(other.relative_to(data).as_posix(), "", reason)


class _VideoReader:
    """One annotation file with its frames and persons."""

    def __init__(self, data: Path, path: Path, split: str) -> None:
        self._data, self._path, self._split = data, path, split
        self._root = path.parents[2]
        self._source = path.relative_to(data).as_posix()
        self._video_id = path.stem
        self._part = CorpusPart()
        self._listed: set[int] = set()
        """Ids of all frames of the file, rejected ones among them."""

    def read(self) -> CorpusPart:
        """The video's rows; only a reject where the whole video cannot be used."""
        try:
            document = self._document()
            persons = [] if is_absent(document, "annotations") else records(document, "annotations")
            is_bare = not persons and self._split == _UNLABELLED
            channels = None if is_bare else keypoint_channels(document, POSETRACK_KEYPOINTS, optional=_EARS)
            listed = records(document, "images")
            video = read_annotated_video(self._root, self._images(listed), partial(self._part.reject, self._source))
        except (InputError, FieldError) as error:
            reason = " ".join(str(error).removeprefix(f"{self._path}: ").split())
            self._part.reject(self._source, "", reason)
            return self._part
        frames = video.frames
        annotated = Counter(key_of(person, "image_id") for person in persons if has_image(person))
        labelled = {key: self._is_labelled(frame.record, annotated[key] > 0) for key, frame in frames.items()}
        self._part.videos.append(self._video_row(video, labelled, document))
        self._part.frames[self._video_id] = [
            self._frame_row(frame, is_labelled=labelled[key]) for key, frame in frames.items()
        ]
        if channels is not None:
            self._persons(persons, channels, video)
        return self._part

    def _document(self) -> Record:
        document = as_posetrack18(self._source, load_json(self._path))
        if not isinstance(document, dict):
            raise FieldError("file", _OUTLINE, document)
        return document

    def _images(self, listed: Sequence[Any]) -> list[tuple[int, Record]]:
        """Frames with id and a usable file name, in order of time."""
        images: list[tuple[int, Record]] = []
        for position, image in enumerate(listed):
            try:
                key = unique_id(image, self._listed)
                below(self._root, image.get("file_name"))
                images.append((key, image))
            except ValueError as error:
                self._part.reject(self._source, f"images[{position}]", error)
        folders = Counter(Path(image["file_name"]).parent for _, image in images)
        if not images:
            raise FieldError("images", "frames with id and file_name", InWords(f"{len(listed)} entries, none usable"))
        folder = folders.most_common(1)[0][0]
        for key, image in images:
            if Path(image["file_name"]).parent != folder:
                self._part.reject(self._source, f"frame {key}", f"expected a picture in {folder}, as most have")
        kept = [(key, image) for key, image in images if Path(image["file_name"]).parent == folder]
        return in_order(kept)

    def _is_labelled(self, image: Record, has_persons: bool) -> bool:
        if self._split == _UNLABELLED or is_absent(image, "is_labeled"):
            return has_persons
        try:
            return flag(image, "is_labeled")
        except FieldError as error:
            self._part.reject(self._source, f"frame {image['id']} is_labeled", error)
            return has_persons

    def _video_row(self, video: PoseTrackVideo, labelled: Mapping[int, bool], document: Record) -> Row:
        return {
            **{"video_id": self._video_id, "split": self._split, "source": self._source},
            **{"media": video.media.relative_to(self._data).as_posix(), "media_sha256": video.sha256},
            **{"width": video.width, "height": video.height, "frame_count": len(video.frames)},
            **{"labelled_frame_count": sum(labelled.values()), "frames_per_second": video.frames_per_second},
            "tags": self._tags(document),
        }

    def _tags(self, document: Record) -> list[str]:
        tags = document.get("tags") or []
        if isinstance(tags, list) and all(isinstance(tag, str) and tag and tag.isprintable() for tag in tags):
            return sorted(set(tags))
        self._part.reject(self._source, "tags", f"expected a list of words, got {shown(tags)}")
        return []

    def _frame_row(self, frame: Frame, *, is_labelled: bool) -> Row:
        path = None if frame.path is None else frame.path.relative_to(self._data).as_posix()
        return {
            **{"video_id": self._video_id, "frame_index": frame.index, "image_id": whole(frame.record, "id")},
            **{"file_name": frame.record["file_name"], "path": path, "seconds": frame.seconds},
            **{"is_labelled": is_labelled, "ignore_regions": self._ignore_regions(frame.record)},
        }

    def _ignore_regions(self, image: Record) -> list[list[list[float]]] | None:
        """Polygons of corners x, y; None where the file has no ignore regions. A broken one is rejected alone."""
        columns, rows = image.get("ignore_regions_x"), image.get("ignore_regions_y")
        if columns is None and rows is None:
            return None
        where = f"frame {image['id']} ignore_regions"
        if not isinstance(columns, list) or not isinstance(rows, list) or len(columns) != len(rows):
            self._part.reject(self._source, where, "expected as many lists of x as of y")
            return None
        polygons = []
        for number, (x, y) in enumerate(zip(columns, rows, strict=True)):
            if (polygon := region_corners(x, y)) is None:
                reason = f"expected at least 3 corners with x and y, got {shown(x)} and {shown(y)}"
                self._part.reject(self._source, f"{where}[{number}]", reason)
            else:
                polygons.append(polygon)
        return polygons

    def _persons(self, persons: Sequence[Any], channels: KeypointChannels, video: PoseTrackVideo) -> None:
        ids = AnnotationIds(persons)
        others = [person for person in persons if is_of_another_category(person, channels)]
        if others:
            reason = f"{len(others)} annotations of other categories than the person; not read"
            self._part.reject(self._source, "annotations", reason)
        tracks: set[tuple[int, int]] = set()
        for position, person in enumerate(persons):
            where = f"annotations[{position}]"
            if is_of_another_category(person, channels):
                continue
            try:
                key = ids.of(person)
                where = f"person {key}"
                image_id = whole(person, "image_id")
                if image_id not in self._listed:
                    raise FieldError("image_id", "the id of a frame of the file", image_id)
                if image_id not in video.frames:
                    continue  # its frame was rejected, and that is reported once
                row = self._person_row(key, person, channels, video)
                if row["track_id"] is not None and (image_id, row["track_id"]) in tracks:
                    raise FieldError("track_id", "an identity once in a frame", row["track_id"])
                tracks.add((image_id, row["track_id"]))
                self._part.persons.append(row)
            except ValueError as error:
                self._part.reject(self._source, where, error)

    def _person_row(self, key: int, person: Record, channels: KeypointChannels, video: PoseTrackVideo) -> Row:
        keypoints = read_keypoints(person, channels, (0, 1, 2))
        box = box_xywh(person, "bbox") if not is_absent(person, "bbox") else box_around(keypoints)
        check_inside(keypoints, box, width=video.width, height=video.height)
        frame_index = video.frames[whole(person, "image_id")].index
        has_none = as_number(person.get("track_id")) in _NO_TRACK
        track_id = None if has_none else whole(person, "track_id")
        return {
            **{"person_id": f"{self._video_id}/{frame_index}/{key}", "source": "posetrack", "split": self._split},
            **{"image_id": None, "video_id": self._video_id, "frame_index": frame_index, "track_id": track_id},
            **{"annotation_id": key, "box_xywh": box, "box_head_xywh": self._head(key, person)},
            **{"area": box[2] * box[3], "is_crowd": not is_absent(person, "iscrowd") and flag(person, "iscrowd")},
            **{"x": keypoints.x, "y": keypoints.y, "visibility": [2 if seen else 0 for seen in keypoints.visibility]},
        }

    def _head(self, key: int, person: Record) -> list[float] | None:
        """The head box; a broken one is rejected alone, since the pose does not need it."""
        if person.get("bbox_head") is None:
            return None
        try:
            return box_xywh(person, "bbox_head")
        except FieldError as error:
            self._part.reject(self._source, f"person {key} bbox_head", error)
            return None
