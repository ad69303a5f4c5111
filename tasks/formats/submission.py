"""Predictions packed for the PoseTrack test server."""

import json
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.keypoints import KEYPOINT_COUNT
from tasks.errors import InputError, unwritable
from tasks.formats.errors import FormatError, location, shown
from tasks.formats.fields import numbers
from tasks.formats.file_pairs import pair_files
from tasks.formats.json_files import load_json, make_folder
from tasks.formats.points import check_predictions
from tasks.formats.posetrack18 import open_posetrack18, points_of_posetrack18
from tasks.formats.posetrack_files import as_posetrack18, listed_images
from tasks.whole_files import whole_file

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_COMMENT: Final = b"corrtrack submission"
"""Comment of the archive, by which a later export knows that it may replace it."""


def export_submission(predicted: Path, archive: Path, *, truth: Path | None = None) -> int:
    """Check every prediction file, pack them as PoseTrack18 and return how many there are.

    The same files give the same bytes.

    Raises:
        InputError: a file fails (the message lists every failure), or `archive` is a file of another origin; nothing
            is written.
    """
    _require_replaceable(archive)
    files = _files(predicted, truth)
    packed, failures = {}, []
    for path, listing in files:
        try:
            packed[path.name] = _strict_json(path, _checked(path, listing))
        except InputError as error:
            failures.append(str(error))
    if failures:
        raise InputError("nothing exported:\n" + "\n".join(failures))
    make_folder(archive.parent)
    try:
        with whole_file(archive) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as pack:
            for name, value in sorted(packed.items()):
                pack.writestr(zipfile.ZipInfo(name, _EPOCH), value, zipfile.ZIP_DEFLATED)
            pack.comment = _COMMENT
    except OSError as error:
        raise unwritable(error, f"--out {archive}: expected a file that can be written") from error
    return len(packed)


def _require_replaceable(archive: Path) -> None:
    if not archive.exists():
        return
    try:
        with zipfile.ZipFile(archive) as earlier:
            is_own = earlier.comment == _COMMENT
    except (zipfile.BadZipFile, OSError):
        is_own = False
    if not is_own:
        raise InputError(f"--out {archive}: expected no file or an earlier export, found another file; name another")


def _files(predicted: Path, truth: Path | None) -> list[tuple[Path, Path | None]]:
    if truth is not None:
        return [(pair.predicted, pair.truth) for pair in pair_files(truth, predicted)[0]]
    files = sorted(predicted.glob("*.json"))
    if not files:
        raise InputError(f"--pred {predicted}: expected prediction files (*.json), got none")
    return [(path, None) for path in files]


def _strict_json(path: Path, data: Any) -> str:
    try:
        return json.dumps(data, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise FormatError(str(path), "", "finite numbers in every field", "NaN or infinity") from error


def _checked(path: Path, listing: Path | None) -> Any:
    data = as_posetrack18(str(path), load_json(path))
    file = open_posetrack18(str(path), data)
    points = points_of_posetrack18(file)
    check_predictions(points)
    if not np.isfinite(points.point_xy).all():
        raise FormatError(str(path), "field keypoints", "finite numbers", "NaN or infinity")
    for index, entry in enumerate(file.annotations):
        scores = numbers([entry.get("scores")], KEYPOINT_COUNT)
        if scores is None or not np.isfinite(scores).all():
            where = location(person=index, field="scores")
            raise FormatError(str(path), where, "17 numbers (the server ranks by them)", shown(entry.get("scores")))
    if listing is not None:
        _check_images(path, points.frame_names, listing)
    return data


def _check_images(path: Path, names: tuple[str, ...], listing: Path) -> None:
    expected = [image.get("file_name") for image in listed_images(listing)]
    if list(names) != expected:
        pairs = enumerate(zip(names, expected, strict=False))
        at = next((index for index, (ours, theirs) in pairs if ours != theirs), min(len(names), len(expected)))
        where, content = f"field images[{at}]", shown(names[at]) if at < len(names) else "no more images"
        wanted = shown(expected[at]) if at < len(expected) else "no more images"
        raise FormatError(str(path), where, f"{wanted} as in {listing}", content)
