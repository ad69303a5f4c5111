"""`corrtrack convert`: every file of a folder, each written whole or refused with its reason."""

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS
from tasks.errors import InputError
from tasks.formats.coco_results import (
    checked_results,
    coco_results_of_posetrack18,
    image_keys,
    key_of_image,
    posetrack18_of_coco_results,
    without_other_categories,
)
from tasks.formats.errors import shown
from tasks.formats.json_files import load_json, write_json
from tasks.formats.posetrack17 import is_posetrack17
from tasks.formats.posetrack18 import open_posetrack18
from tasks.formats.posetrack_conversion import posetrack17_from_18
from tasks.formats.posetrack_files import as_posetrack18, listed_images
from tasks.out_folder import claim_out_folder

KeypointOrder = Literal["posetrack", "coco"]
KEYPOINT_ORDERS: Final = {"posetrack": POSETRACK_KEYPOINTS, "coco": COCO_KEYPOINTS}
"""Order of the keypoints of COCO results, which the file does not state."""
_LOG: Final = logging.getLogger(__name__)
TargetFormat = Literal["posetrack17", "posetrack18", "coco"]


@dataclass(frozen=True)
class Converted:
    """What became of the files."""

    written: tuple[Path, ...]
    refused: tuple[str, ...]
    """Reasons, one per file."""
    left_out: tuple[str, ...] = ()
    """What the target format has no form for in files that were written."""


def convert_folder(
    source: Path, out: Path, *, target: TargetFormat, images: Path | None = None, order: KeypointOrder = "posetrack"
) -> Converted:
    """Convert `source`, a file or all JSON files of a folder, into files of the same names below `out`.

    COCO results become one file per file of `images`, PoseTrack18 files that hold the pictures' names.

    Raises:
        InputError: there is nothing to convert, or `out` holds other files, among them those to convert.
    """
    files = [source] if source.is_file() else sorted(source.glob("*.json"))
    if not files:
        raise InputError(f"{source}: expected a JSON file or a folder of them, got none")
    out = claim_out_folder(out, inputs=[source, *([] if images is None else [images])])
    written, refused, left_out = [], [], []
    for path in files:
        try:
            data = load_json(path)
            for name, value in _convert(path, data, target, images, order).items():
                write_json(out / name, value)
                written.append(out / name)
            left_out += _left_out(path, data, target)
        except InputError as error:
            refused.append(str(error))
    return Converted(tuple(written), tuple(refused), tuple(left_out))


def _left_out(path: Path, data: Any, target: TargetFormat) -> list[str]:
    """A sentence if the file has annotations of others than persons, which only PoseTrack18 can hold."""
    if target == "posetrack18" or isinstance(data, list) or is_posetrack17(data):
        return []
    others = open_posetrack18(str(path), data).others
    return [f"{path}: {others} annotations of other categories than the person are left out"] if others else []


def _convert(  # one file after the other, each by what it is and what is asked for
    path: Path, data: Any, target: TargetFormat, images: Path | None, order: KeypointOrder
) -> dict[str, Any]:
    if isinstance(data, list):
        return _from_coco(path, data, target, images, order)
    source = str(path)
    if target == "posetrack17":
        return {path.name: data if is_posetrack17(data) else posetrack17_from_18(source, data)}
    eighteen = as_posetrack18(source, data)
    if target == "posetrack18":
        open_posetrack18(source, eighteen)
        return {path.name: eighteen}
    return {path.name: coco_results_of_posetrack18(source, eighteen)}


def _from_coco(
    path: Path, results: Any, target: TargetFormat, images: Path | None, order: KeypointOrder
) -> dict[str, Any]:
    if target == "coco":
        return {path.name: checked_results(str(path), results)}
    if images is None or not images.is_dir():
        raise InputError(f"{path}: COCO results need --images, the folder of PoseTrack18 files with their pictures")
    listings = {listing.name: listed_images(listing) for listing in sorted(images.glob("*.json"))}
    known = Counter(key for frames in listings.values() for key in image_keys(frames))
    persons = without_other_categories(str(path), checked_results(str(path), results))
    if others := len(results) - len(persons):
        _LOG.warning("%s: %d results of other categories than 1, the person; not converted", path, others)
    named = {entry["image_id"]: known[key_of_image(known, entry["image_id"])] for entry in persons}
    if twice := [name for name, count in named.items() if count > 1]:
        raise InputError(f"{path}: expected one picture of each name, got several of image_id {shown(twice[0])}")
    unknown = [entry["image_id"] for entry in persons if not named[entry["image_id"]]]
    if unknown:
        raise InputError(
            f"{path}: expected results of the pictures of --images {images}, got {len(unknown)} of {len(persons)} "
            f"results of others, the first of image_id {shown(unknown[0])}"
        )
    files = {}
    for name, frames in listings.items():
        eighteen = posetrack18_of_coco_results(str(path), persons, frames, order=KEYPOINT_ORDERS[order])
        files[name] = eighteen if target == "posetrack18" else posetrack17_from_18(str(path), eighteen)
    return files
