"""What poseval scores of a pair of files: its checks, its clean-up and its ignore regions, oddities included."""

from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.metrics.sequence import HEAD_SIZE, JOINT_COUNT, MISSING_SCORE, Sequence, SequencePersons
from tasks.formats.errors import FormatError, location
from tasks.formats.points import ID_LIMIT, PointFile, check_identities, check_predictions


def poseval_sequence(name: str, truth: PointFile, predicted: PointFile, *, sequence_index: int) -> Sequence:
    """Frames and joints that count, frames paired by position.

    Frames without annotated persons go, then rectangles without points, then joints in ignore regions together with
    persons that have none left; persons without joints stay in frames without regions.

    Args:
        name: of the sequence.
        truth: annotated file.
        predicted: predicted file.
        sequence_index: position of the sequence; ids are moved by 10000 times it.

    Raises:
        FormatError: wherever poseval refuses the pair or ends with an error.
    """
    _check_pair(truth, predicted)
    kept = np.unique(truth.person_frame)
    sides = [side.select(np.isin(side.person_frame, kept) & side.has_points) for side in (truth, predicted)]
    annotated, answered = (_without_ignored(side, truth, kept) for side in sides)
    two_sided = np.intersect1d(annotated.person_frame, answered.person_frame)
    _check_heads(annotated, two_sided)
    persons = [_persons(side, kept, two_sided, sequence_index) for side in (annotated, answered)]
    return Sequence(name, len(kept), persons[0], persons[1])


def inside_any(source: str, where: str, polygons: list[FloatArray], xy: FloatArray) -> BoolArray:
    """Which points (N, 2) lie strictly inside a polygon; outlines that cross themselves count even-odd.

    Raises:
        FormatError: a polygon has one or two corners; without corners it is empty.
    """
    import shapely  # only files with regions need it, and it takes a while to import

    inside = np.zeros(len(xy), dtype=bool)
    for polygon in polygons:
        if len(polygon) in (1, 2):
            raise FormatError(source, where, "polygons of three corners or more", f"{len(polygon)}")
        if len(polygon):
            try:
                inside |= shapely.contains_xy(shapely.Polygon(polygon), xy)
            except (ValueError, shapely.errors.GEOSException) as error:
                raise FormatError(source, where, "a polygon", str(error).splitlines()[0]) from error
    return inside


def _check_pair(truth: PointFile, predicted: PointFile) -> None:
    if len(truth.frame_names) != len(predicted.frame_names):
        expected = f"{len(truth.frame_names)} frames as in {truth.source}"
        raise FormatError(predicted.source, "", expected, f"{len(predicted.frame_names)}")
    check_identities(truth)
    check_predictions(predicted)


def _without_ignored(side: PointFile, truth: PointFile, kept: IntArray) -> PointFile:
    frames = [frame for frame in kept if frame in truth.polygons]
    if not frames:
        return side
    point_frame = side.person_frame[side.point_person]
    stays = np.ones(len(side.point_person), dtype=bool)
    for frame in frames:
        where = location(frame=truth.frame_names[frame], field="ignore_regions")
        here = np.flatnonzero(point_frame == frame)
        stays[here] = ~inside_any(truth.source, where, truth.polygons[frame], side.point_xy[here])
    point_counts = np.bincount(side.point_person[stays], minlength=len(side.person_frame))
    slim = PointFile(**{**vars(side), **{name: vars(side)[name][stays] for name in _POINT_FIELDS}})
    return slim.select((point_counts > 0) | ~np.isin(side.person_frame, frames))


_POINT_FIELDS: Final = ("point_person", "point_joint", "point_xy", "point_score")


def _check_heads(annotated: PointFile, two_sided: IntArray) -> None:
    bare = np.flatnonzero(~annotated.has_head & np.isin(annotated.person_frame, two_sided))
    if bare.size:
        frame, person = annotated.describe_person(int(bare[0]))
        where = location(frame=frame, person=person, field="bbox_head (PoseTrack17: x1, y1, x2, y2)")
        raise FormatError(annotated.source, where, "a head box, the unit of every distance", "nothing")


def _persons(side: PointFile, kept: IntArray, two_sided: IntArray, sequence_index: int) -> SequencePersons:
    count = len(side.person_frame)
    known = side.point_joint < JOINT_COUNT
    # If a joint occurs twice the first counts: it is written last.
    person, joint = side.point_person[known][::-1], side.point_joint[known][::-1]
    xy = np.zeros((count, JOINT_COUNT, 2))
    present = np.zeros((count, JOINT_COUNT), dtype=bool)
    score = np.full((count, JOINT_COUNT), MISSING_SCORE)
    xy[person, joint] = side.point_xy[known][::-1]
    present[person, joint] = True
    score[person, joint] = side.point_score[known][::-1]
    track_id = _ids_as_poseval_pairs_them(side, present, two_sided)
    corners = side.head_xyxy
    sides = corners[:, 2:] - corners[:, :2]
    head_size = HEAD_SIZE * np.sqrt(np.vecdot(sides, sides))
    frame = np.searchsorted(kept, side.person_frame)
    return SequencePersons(frame, track_id + sequence_index * ID_LIMIT, xy, present, score, head_size)


def _ids_as_poseval_pairs_them(side: PointFile, present: BoolArray, two_sided: IntArray) -> FloatArray:
    """Identity of each person; a PoseTrack17 rectangle without one takes its successor's, and so on down the frame."""
    lacking = np.isnan(side.track_id)
    if not lacking.any():
        return side.track_id
    ids = np.full(len(side.track_id), np.nan)
    for frame in np.unique(side.person_frame[lacking]):
        here = np.flatnonzero(side.person_frame == frame)
        identities = side.track_id[here][~lacking[here]]
        ids[here[: len(identities)]] = identities
        unpaired = here[len(identities) :][present[here[len(identities) :]].any(axis=1)]
        if frame in two_sided and unpaired.size:
            at, person = side.describe_person(int(here[np.flatnonzero(lacking[here])[0]]))
            raise FormatError(
                side.source, location(frame=at, person=person, field="track_id"), "an identity", "nothing"
            )
    whole = ~np.isin(side.person_frame, side.person_frame[lacking])
    ids[whole] = side.track_id[whole]
    return np.where(np.isnan(ids), 0.0, ids)
