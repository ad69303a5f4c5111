"""What PoseTrack21's evaluator scores of a pair of files: labelled frames, joints right of and below the origin."""

from typing import Any, Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.keypoints import POSETRACK_KEYPOINTS, POSEVAL_FROM_POSETRACK
from models.metrics.sequence import JOINT_COUNT, Sequence, SequencePersons, repeated_rows
from tasks.formats.errors import FormatError, location, shown
from tasks.formats.fields import Record, first_bad, numbers
from tasks.formats.posetrack18 import Posetrack18File, polygons_of_image
from tasks.scoring.notices import Notice
from tasks.scoring.poseval_view import inside_any

_CHANNELS: Final = len(POSETRACK_KEYPOINTS)


def hota_sequence(
    name: str, truth: Posetrack18File, predicted: Posetrack18File, notices: list[Notice], *, same_ids: bool = True
) -> Sequence:
    """The labelled frames, paired by position; names of keypoints are not read, their channels are fixed.

    Args:
        name: of the sequence.
        truth: annotated file.
        predicted: predicted file.
        notices: what a reader must know is added here.
        same_ids: the image ids of both files must agree; false where one of them has none.

    Raises:
        FormatError: wherever the official evaluator refuses the files or ends with an error.
    """
    labelled = _labelled_frames(truth, predicted, same_ids=same_ids)
    heads = _head_sizes(truth)
    polygons = _polygons(truth, labelled, notices)
    sides = []
    for file in (truth, predicted):
        _check_scores(file, len(truth.images), is_truth=file is truth)
        sizes = heads if file is truth else np.zeros(len(file.annotations))
        sides.append(_persons(file, labelled, polygons, truth.source, sizes))
    unannotated = np.flatnonzero(np.bincount(sides[0].frame, minlength=len(labelled)) == 0)
    if unannotated.size:
        frame = shown(truth.images[labelled[unannotated[0]]].get("file_name"))
        raise FormatError(
            truth.source, location(frame=frame), "persons outside ignore regions in a labelled frame", "none"
        )
    return Sequence(name, len(labelled), sides[0], sides[1])


def _labelled_frames(truth: Posetrack18File, predicted: Posetrack18File, *, same_ids: bool) -> IntArray:
    truth_ids, predicted_ids = _image_ids(truth), _image_ids(predicted)
    if len(truth_ids) < len(truth.images):
        raise FormatError(truth.source, "field images, id", "unique ids", "an id twice")
    if len(predicted_ids) < len(truth_ids):
        content = f"{len(predicted_ids)} different ids"
        raise FormatError(predicted.source, "field images", f"{len(truth_ids)} images as in {truth.source}", content)
    for index, image in enumerate(truth.images):
        if "is_labeled" not in image:
            raise FormatError(truth.source, f"field images[{index}], is_labeled", "true or false", "nothing")
    labelled = [index for index, image in enumerate(truth.images) if image["is_labeled"]]
    for index in labelled if same_ids else ():
        if truth_ids[index] != predicted_ids[index]:
            expected = f"{shown(truth_ids[index])} as in {truth.source}"
            raise FormatError(predicted.source, f"field images[{index}], id", expected, shown(predicted_ids[index]))
    return np.array(labelled, dtype=np.int64)


def _image_ids(file: Posetrack18File) -> list[Any]:
    """The different ids in file order."""
    try:
        return list(dict.fromkeys(image["id"] for image in file.images))
    except (KeyError, TypeError) as error:
        raise FormatError(file.source, "field images", "an id in every image", "none or no number") from error


def _frames_of_annotations(file: Posetrack18File) -> IntArray:
    position = {key: index for index, key in enumerate(_image_ids(file))}
    frames = []
    for index, entry in enumerate(file.annotations):
        try:
            frames.append(position[entry["image_id"]])
        except (KeyError, TypeError) as error:
            content = shown(entry["image_id"]) if "image_id" in entry else "nothing"
            where = location(person=index, field="image_id")
            raise FormatError(file.source, where, "the id of an image of the file", content) from error
    return np.array(frames, dtype=np.int64)


def _head_sizes(truth: Posetrack18File) -> FloatArray:
    boxes = [entry.get("bbox_head") for entry in truth.annotations]
    xywh = numbers(boxes, 4)
    if xywh is None:
        bad = first_bad(boxes, 4)
        content = shown(boxes[bad]) if "bbox_head" in truth.annotations[bad] else "nothing"
        raise FormatError(truth.source, location(person=bad, field="bbox_head"), "4 numbers for every person", content)
    corner = xywh[:, :2]
    sides = (corner + xywh[:, 2:]) - corner
    sizes: FloatArray = 0.6 * np.sqrt(np.vecdot(sides, sides))
    return sizes


def _polygons(truth: Posetrack18File, labelled: IntArray, notices: list[Notice]) -> dict[int, list[FloatArray]]:
    """Regions by position among the labelled frames, only frames that have a list with entries."""
    polygons, absent = {}, 0
    for frame, index in enumerate(labelled):
        image = truth.images[index]
        if "ignore_regions_x" not in image or "ignore_regions_y" not in image:
            absent += 1
            continue
        regions = polygons_of_image(truth.source, image)
        if _is_shorter(image["ignore_regions_y"], image["ignore_regions_x"]):
            where = location(frame=shown(image.get("file_name")), field="ignore_regions_y")
            raise FormatError(truth.source, where, "as many numbers as ignore_regions_x", "fewer")
        if regions:
            polygons[frame] = regions
    if absent:
        text = f"{absent} labelled images have no ignore_regions_x and ignore_regions_y; counted as none for HOTA"
        notices.append(Notice("absent_ignore_regions", truth.source, text))
    return polygons


def _is_shorter(rows: list[Any], columns: list[Any]) -> bool:
    inner = any(len(y) < len(x) for x, y in zip(columns, rows, strict=False))
    return len(rows) < len(columns) or inner


def _check_scores(file: Posetrack18File, frame_count: int, *, is_truth: bool) -> None:
    """PoseTrack21 stacks the scores of each frame, those of ground truth too: 17 per person, or an error."""
    lengths = [_score_length(entry) for entry in file.annotations]
    if all(length == _CHANNELS for length in lengths):
        return
    by_frame: dict[int, list[tuple[int, int]]] = {}
    for index, frame in enumerate(_frames_of_annotations(file)):
        by_frame.setdefault(int(frame), []).append((index, lengths[index]))
    for frame, persons in by_frame.items():
        different = {length for _, length in persons}
        stackable = len(different) == 1 and (sum(length for _, length in persons) % _CHANNELS == 0 and is_truth)
        if frame < frame_count and different != {_CHANNELS} and not stackable:
            bad, length = next(pair for pair in persons if pair[1] != _CHANNELS)
            where = location(person=bad, field="scores")
            content = f"{length}" if length >= 0 else shown(file.annotations[bad]["scores"])
            raise FormatError(file.source, where, "17 numbers or no such field", content)


def _score_length(entry: Record) -> int:
    """Number of scores of a person, 17 where the field is absent, -1 where it is no list."""
    if "scores" not in entry:
        return _CHANNELS
    return len(entry["scores"]) if isinstance(entry["scores"], list) else -1


def _persons(
    file: Posetrack18File, labelled: IntArray, polygons: dict[int, list[FloatArray]], source: str, heads: FloatArray
) -> SequencePersons:
    frames = _frames_of_annotations(file)
    xy = _keypoints(file)
    chosen = np.flatnonzero(np.isin(frames, labelled))
    chosen = chosen[np.argsort(frames[chosen], kind="stable")]
    frame, xy = np.searchsorted(labelled, frames[chosen]), xy[chosen]
    stays = np.ones(len(chosen), dtype=bool)
    for index, regions in polygons.items():
        here = np.flatnonzero(frame == index)
        where = location(frame=shown(file.images[labelled[index]].get("file_name")), field="ignore_regions")
        ignored = inside_any(source, where, regions, xy[here].reshape(-1, 2)).reshape(len(here), JOINT_COUNT)
        xy[here] = np.where(ignored[..., None], 0.0, xy[here])
        stays[here] = ~(xy[here] <= 0).all(axis=(1, 2))
    chosen, frame, xy = chosen[stays], frame[stays], xy[stays]
    track_id = _identities(file, chosen, frame)
    present: BoolArray = np.all(xy > 0, axis=2)
    return SequencePersons(frame, track_id, xy, present, np.zeros(present.shape), heads[chosen])


def _keypoints(file: Posetrack18File) -> FloatArray:
    """Positions in poseval's joint order, (N, 15, 2), a copy."""
    rows = [entry.get("keypoints") for entry in file.annotations]
    values = file.keypoint_table if file.keypoint_table.shape[1] == _CHANNELS * 3 else numbers(rows, _CHANNELS * 3)
    if values is None:
        bad = first_bad(rows, _CHANNELS * 3)
        raise FormatError(file.source, location(person=bad, field="keypoints"), "51 numbers", shown(rows[bad]))
    return values.reshape(-1, _CHANNELS, 3)[:, POSEVAL_FROM_POSETRACK, :2].copy()


def _identities(file: Posetrack18File, chosen: IntArray, frame: IntArray) -> FloatArray:
    """One number per identity; a negative id counts from the largest one downwards, as an index does."""
    raw = [file.annotations[index].get("track_id") for index in chosen]
    bad = next((at for at, value in enumerate(raw) if type(value) is not int or abs(value) >= 1 << 53), None)
    if bad is not None:
        raise _identity_error(file, chosen[bad], "a whole number", raw[bad])
    ids = np.array(raw, dtype=np.int64)
    ids = np.where(ids < 0, ids + ids.max(initial=0) + 1, ids) if len(ids) and ids.max() >= 0 else ids
    if (ids < 0).any():
        raise _identity_error(file, chosen[int(ids.argmin())], "identities from 0", raw[int(ids.argmin())])
    repeated = repeated_rows(frame, ids)
    if repeated.size:
        at = int(repeated[0])
        raise _identity_error(file, chosen[at], "unique identities in each frame", raw[at])
    return ids.astype(np.float64)


def _identity_error(file: Posetrack18File, person: Any, expected: str, content: object) -> FormatError:
    return FormatError(file.source, location(person=int(person), field="track_id"), expected, shown(content))
