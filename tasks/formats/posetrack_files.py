"""PoseTrack files of either form: PoseTrack17 is recognised by its outline, all else is taken for PoseTrack18."""

from pathlib import Path
from typing import Any

from tasks.formats.fields import Record
from tasks.formats.json_files import load_json
from tasks.formats.points import PointFile
from tasks.formats.posetrack17 import is_posetrack17, plain_posetrack17, points_of_posetrack17
from tasks.formats.posetrack18 import images_of_posetrack18, open_posetrack18, points_of_posetrack18
from tasks.formats.posetrack_conversion import posetrack18_from_17


def as_posetrack18(source: str, data: Any) -> Any:
    """`data` in PoseTrack18 form; what is no PoseTrack17 file is returned as it is, unchecked.

    Raises:
        FormatError: a PoseTrack17 file that cannot be read.
        ConversionError: a PoseTrack17 file with a record that PoseTrack18 has no form for.
    """
    return posetrack18_from_17(source, plain_posetrack17(data)) if is_posetrack17(data) else data


def read_points(source: str, data: Any, *, is_truth: bool) -> PointFile:
    """The persons and points of a file of either form.

    Raises:
        FormatError: it cannot be read.
    """
    if is_posetrack17(data):
        return points_of_posetrack17(source, data, is_truth=is_truth)
    return points_of_posetrack18(open_posetrack18(source, data))


def listed_images(path: Path) -> list[Record]:
    """Images of an annotation file, or of a bare list of images, in its order, without what only ground truth has.

    Raises:
        FormatError: the file cannot be read.
        ConversionError: it is a PoseTrack17 file whose frames have no PoseTrack18 names.
    """
    images = images_of_posetrack18(str(path), as_posetrack18(str(path), load_json(path)))
    return [{key: value for key, value in image.items() if not key.startswith("ignore_regions")} for image in images]
