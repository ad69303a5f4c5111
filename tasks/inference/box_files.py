"""Person boxes that lie in the corpus as files: COCO results for annotated videos, MOT tables for bare ones."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from tasks.errors import InputError
from tasks.formats.detected_boxes import DetectedBox, read_results
from tasks.formats.mot import read_detections
from tasks.formats.videos import detections_beside
from tasks.inference.person_boxes import PersonBox
from tasks.inference.videos import Video
from tasks.progress import current

Place: TypeAlias = tuple[str, int]
"""Video and frame."""
Reader: TypeAlias = Callable[[Path], tuple[list[DetectedBox], list[dict[str, Any]]]]
"""A file of boxes to its boxes and to what is broken in it, as place and reason."""
RESULTS_FOLDER: Final = Path("posetrack/detections")
"""Where COCO results lie below the data folder; each box belongs to the frame of its image_id."""


class BoxFiles:
    """The boxes of all files of the corpus; what is broken in them is set aside.

    Args:
        data: data folder.
        videos: the videos that boxes are wanted of.
        known_image_ids: ids of all frames of the corpus; a box of another picture is told.
    """

    def __init__(self, data: Path, videos: Sequence[Video], known_image_ids: Iterable[int]) -> None:
        self._data = data
        self._known = frozenset(known_image_ids)
        self._boxes: dict[str, list[PersonBox]] = defaultdict(list)
        places = _places(videos)
        for path in sorted((data / RESULTS_FOLDER).glob("*.json")):
            self._take_results(path, places)

    def boxes(self, video: Video) -> list[PersonBox]:
        """Boxes of a video, frame by frame in the order of their files."""
        if video.row["source"] is not None:
            return self._boxes[video.video_id]
        path = detections_beside(self._data, str(video.row["media"]))
        return [] if path is None else self._mot_boxes(path, video)

    def _take_results(self, path: Path, places: dict[int, list[Place]]) -> None:
        source = self._name(path)
        strangers = 0
        for box in self._read(path, read_results):
            found = places.get(box.image_id, [])
            if len(found) > 1:
                reason = f"expected one frame of this image_id, found it in {found[0][0]} and {found[1][0]}"
                current().reject(source, f"image_id {box.image_id}", reason)
            elif found:
                [(video_id, frame_index)] = found
                self._boxes[video_id].append(PersonBox(frame_index, tuple(box.box_xywh), box.score))
            strangers += box.image_id not in self._known
        if strangers:
            current().notice(f"{source}: {strangers} boxes are of pictures outside this corpus; they are passed over")

    def _mot_boxes(self, path: Path, video: Video) -> list[PersonBox]:
        frames = {frame["image_id"]: frame["frame_index"] for frame in video.frames}
        boxes = []
        for box in self._read(path, read_detections):
            if box.image_id in frames:
                boxes.append(PersonBox(frames[box.image_id], tuple(box.box_xywh), box.score))
            else:
                reason = f"expected a frame of the video, which has {len(frames)}"
                current().reject(self._name(path), f"frame {box.image_id}", reason)
        return boxes

    def _read(self, path: Path, reader: Reader) -> list[DetectedBox]:
        """The boxes of a file; a broken entry, or a file that cannot be read, is set aside."""
        try:
            boxes, rejects = reader(path)
        except InputError as error:
            current().reject(self._name(path), "", str(error))
            return []
        for entry in rejects:
            current().reject(self._name(path), entry["place"], entry["reason"])
        return boxes

    def _name(self, path: Path) -> str:
        return path.relative_to(self._data).as_posix()


def _places(videos: Iterable[Video]) -> dict[int, list[Place]]:
    """Frames of each image_id; bare videos have none of an annotation file."""
    places: dict[int, list[Place]] = defaultdict(list)
    for video in videos:
        if video.row["source"] is not None:
            for frame in video.frames:
                places[frame["image_id"]].append((video.video_id, frame["frame_index"]))
    return places
