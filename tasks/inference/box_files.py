"""Person boxes from files of the corpus: COCO results for annotated videos, MOT tables for bare ones."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from models.arrays import FloatArray
from models.poses.boxes import fit_only_exchanged_sides
from tasks.errors import InputError
from tasks.formats.detected_boxes import DetectedBoxes, read_results, unturned_reason
from tasks.formats.frame_order import FrameOrderError, box_frames, frame_numbers
from tasks.formats.mot import read_detections
from tasks.formats.video_search import detections_beside, posetrack_roots
from tasks.inference.person_boxes import PersonBoxes
from tasks.inference.videos import Video
from tasks.progress import current

FrameKey: TypeAlias = tuple[str, int]
"""Video id and frame index."""
Reader: TypeAlias = Callable[[Path], tuple[DetectedBoxes, list[dict[str, Any]]]]
"""Reads a file of boxes; returns them, and what is broken in it as location and reason."""
RESULTS_FOLDER: Final = "detections"
"""Folder of COCO results below the root of a PoseTrack set; each box belongs to the frame of its image_id."""


class BoxFiles:
    """The boxes of all files of the corpus; what cannot be used is rejected with its reason.

    Args:
        data: data folder.
        videos: videos that boxes are read for.
        known_image_ids: ids of all frames of the corpus; boxes of other pictures are counted in a notice.
        score_threshold: least score of a box that is used; a file whose scores are no probabilities may need another.
    """

    def __init__(
        self, data: Path, videos: Sequence[Video], known_image_ids: Iterable[int], *, score_threshold: float
    ) -> None:
        self._data, self._score_threshold = data, score_threshold
        self._known = frozenset(known_image_ids)
        self._boxes: dict[str, list[PersonBoxes]] = defaultdict(list)
        frames = _frames_by_image_id(videos)
        counts = {self._name(path): self._read_results(path, frames) for path in results_files(data)}
        _report_unknown_pictures(counts)

    def boxes(self, video: Video) -> PersonBoxes:
        """Return the boxes of a video, in the order of their files."""
        if video.row["source"] is not None:
            return self._turned_right(video, PersonBoxes.joined(self._boxes[video.video_id]))
        path = mot_file(self._data, video.row)
        return PersonBoxes.of([]) if path is None else self._turned_right(video, self._mot_boxes(path, video))

    def _turned_right(self, video: Video, boxes: PersonBoxes) -> PersonBoxes:
        """Return the boxes, or none where they belong to the picture without its rotation."""
        width, height = video.row["width"], video.row["height"]
        if not fit_only_exchanged_sides(boxes.box_xywh, width=width, height=height):
            return boxes
        current().reject(video.video_id, "boxes", unturned_reason("boxes", len(boxes), width=width, height=height))
        return PersonBoxes.of([])

    def _read_results(self, path: Path, frames: dict[int, list[FrameKey]]) -> tuple[int, int]:
        """Keep the boxes of a file; return how many it has, and how many of them are of unknown pictures."""
        source = self._name(path)
        boxes = self._read(path, read_results)
        frame_and_position: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for position, image_id in enumerate(boxes.image_id.tolist()):
            matches = frames.get(image_id, [])
            if len(matches) > 1:
                reason = f"expected one frame of this image_id, found it in {matches[0][0]} and {matches[1][0]}"
                current().reject(source, f"image_id {image_id}", reason)
            elif matches:
                [(video_id, frame_index)] = matches
                frame_and_position[video_id].append((frame_index, position))
        for video_id, pairs in frame_and_position.items():
            frame_index, positions = np.array(pairs).T
            rows = PersonBoxes.used(frame_index, boxes.box_xywh[positions], boxes.score[positions])
            self._boxes[video_id].append(rows)
        return len(boxes), sum(image_id not in self._known for image_id in boxes.image_id.tolist())

    def _mot_boxes(self, path: Path, video: Video) -> PersonBoxes:
        boxes = self._read(path, read_detections)
        numbers, number_of_box = np.unique(boxes.image_id, return_inverse=True)
        try:
            frames = self._frames_of_rows(path, video, numbers.tolist())
        except FrameOrderError as error:
            current().reject(self._name(path), "", str(error))
            return PersonBoxes.of([])
        frame_of = np.array([frames.get(number, -1) for number in numbers.tolist()], dtype=np.int64)
        frame_index, outside = frame_of[number_of_box], numbers[frame_of < 0]
        if len(outside):
            first, last = outside[[0, -1]]
            of_frames = f"frame {first}" if first == last else f"frames {first} to {last}"
            ignored = f"{(frame_index < 0).sum()} boxes are ignored"
            reason = f"expected a frame of the video, which has {len(frames)}; {ignored}"
            current().reject(self._name(path), of_frames, reason)
        inside = np.flatnonzero(frame_index >= 0)
        return PersonBoxes.used(frame_index[inside], boxes.box_xywh[inside], boxes.score[inside])

    def _frames_of_rows(self, path: Path, video: Video, numbers: Sequence[int]) -> dict[int, int]:
        """Return the frame index of each frame number; pictures that were rejected keep their number."""
        listed = {frame["image_id"] - 1: frame["frame_index"] for frame in video.frames}
        paths = [frame["path"] for frame in video.frames]
        names = frame_numbers(paths) if None not in paths else None
        count = max(listed, default=-1) + 1
        is_whole = len(listed) == count
        read = box_frames(numbers, count, names if is_whole else None)
        if read.reading:
            current().notice(f"{self._name(path)}: {read.reading}")
        return {number: listed[at] for number, at in read.index.items() if at in listed}

    def _read(self, path: Path, reader: Reader) -> DetectedBoxes:
        """Return the boxes of a file; broken entries, or a file that cannot be read, are rejected."""
        try:
            boxes, rejects = reader(path)
        except InputError as error:
            current().reject(self._name(path), "", str(error))
            return DetectedBoxes([])
        for entry in rejects:
            current().reject(self._name(path), entry["location"], entry["reason"])
        self._report_odd_scores(path, boxes.score)
        return boxes

    def _report_odd_scores(self, path: Path, scores: FloatArray) -> None:
        """Report scores that are no probabilities, such as those of DPM or percentages, which the threshold is for."""
        if not len(scores) or (scores.min() >= 0 and scores.max() <= 1):
            return
        dropped = (scores < self._score_threshold).sum()
        current().notice(
            f"{self._name(path)}: expected scores from 0 to 1, got {scores.min():.4g} to {scores.max():.4g}; "
            f"detect.score_threshold {self._score_threshold:g} drops {dropped} of {len(scores)} boxes"
        )

    def _name(self, path: Path) -> str:
        return path.relative_to(self._data).as_posix()


def _report_unknown_pictures(counts: dict[str, tuple[int, int]]) -> None:
    """Report the boxes of other pictures: files of another split are usual, files that all fit nothing are not."""
    some_fit = any(total > unknown for total, unknown in counts.values())
    for source, (total, unknown) in counts.items():
        if unknown and some_fit:
            current().notice(
                f"{source}: {unknown} of {total} boxes are of pictures outside this corpus; they are ignored"
            )
        elif unknown:
            current().reject(source, "", f"none of its {total} boxes has the image_id of a picture of this corpus")


def results_files(data: Path) -> list[Path]:
    """Return the files of COCO results of a corpus, ascending."""
    return [path for root in posetrack_roots(data) for path in sorted((root / RESULTS_FOLDER).glob("*.json"))]


def mot_file(data: Path, row: Mapping[str, Any]) -> Path | None:
    """Return the MOT file beside a bare video, a row of `videos`; None where there is none, or it is annotated."""
    return detections_beside(data, str(row["media"])) if row["source"] is None else None


def _frames_by_image_id(videos: Iterable[Video]) -> dict[int, list[FrameKey]]:
    """Return the frames of each image_id of annotated videos; bare videos have no such ids."""
    frames: dict[int, list[FrameKey]] = defaultdict(list)
    for video in videos:
        if video.row["source"] is not None:
            for frame in video.frames:
                frames[frame["image_id"]].append((video.video_id, frame["frame_index"]))
    return frames
