"""The COCO part: one JSON of people per split and a folder of pictures, as COCO keypoints lays them out."""

from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from models.arrays import BoolArray, FloatArray
from models.keypoints import COCO_KEYPOINTS
from tasks.demo_corpus.drawing import DrawAll
from tasks.demo_corpus.files import Json, Report, rounded, write_jpeg, write_json
from tasks.demo_corpus.params import CorpusParams
from tasks.demo_corpus.scenes import Scene
from tasks.demo_corpus.seeds import generator
from tasks.demo_corpus.staging import stage_picture
from tasks.demo_corpus.truth import (
    FACE_POINTS,
    HIDDEN,
    OUTSIDE,
    SEEN,
    PersonTruth,
    box_of_mask,
    outline_in_picture,
    people_of,
)

_SKELETON: Final = [
    [16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9], [8, 10], [9, 11],
    [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7],
]  # fmt: skip
MIN_PIXELS = 40
"""People of whom less is seen are not annotated."""


def write_coco(root: Path, corpus: CorpusParams, *, seed: int, split: str, report: Report, draw_all: DrawAll) -> None:
    """Writes `coco_demo` of one split ("train" or "val") below `root`."""
    count = corpus.coco_train_images if split == "train" else corpus.coco_val_images
    images: list[Json] = []
    annotations: list[Json] = []
    draw = partial(_write_picture, root / "coco_demo" / "images" / split, corpus, seed, split)
    for done, (image, entries) in enumerate(draw_all(draw, range(count)), start=1):
        images.append({"id": done, **image})
        annotations += [
            {"id": done * 100 + i, "image_id": done, "category_id": 1, **entry} for i, entry in enumerate(entries)
        ]
        if done % 20 == 0 or done == count:
            report(f"{split} pictures", done, count)
    write_json(root / "coco_demo" / "annotations" / f"person_keypoints_{split}.json", _document(images, annotations))


def _write_picture(folder: Path, corpus: CorpusParams, seed: int, split: str, number: int) -> tuple[Json, list[Json]]:
    """Writes one picture; returns what the document tells of it, and its people and crowds."""
    scene = stage_picture(corpus, seed=seed, namespace=f"coco_{split}", number=number)
    canvas = scene.canvas(0)
    file_name = f"{scene.name}.jpg"
    write_jpeg(folder / file_name, scene.photograph(0, canvas), corpus.jpeg_quality)
    people = people_of(scene, 0, canvas)
    entries = [_person(scene, person) for person in people if person.mask.sum() >= MIN_PIXELS]
    entries += _crowds(
        scene, np.any([p.mask for p in people], axis=0) if people else np.zeros(canvas.depth.shape, bool)
    )
    return {"file_name": file_name, "height": scene.camera.height, "width": scene.camera.width}, entries


def _document(images: list[Json], annotations: list[Json]) -> Json:
    category = {
        "supercategory": "person",
        "id": 1,
        "name": "person",
        "keypoints": list(COCO_KEYPOINTS),
        "skeleton": _SKELETON,
    }
    info = {"description": "corrtrack demo corpus: synthetic people", "version": "1"}
    return {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": [category]}


def _person(scene: Scene, person: PersonTruth) -> Json:
    """One annotated person; what no annotator could guess has flag 0."""
    rng = generator(scene.seed, "annotator", person.person)
    keypoints: list[float] = []
    flags = [_flag(person, name, unlucky=bool(rng.random() < 0.25)) for name in COCO_KEYPOINTS]
    for name, flag in zip(COCO_KEYPOINTS, flags, strict=True):
        keypoints += [*rounded(person.positions[name]), flag] if flag else [0, 0, 0]
    contours = cv2.findContours(person.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    outlines = [cv2.approxPolyDP(c, 1.2, True).reshape(-1) for c in contours]
    return {
        "segmentation": [[int(v) for v in outline] for outline in outlines if len(outline) >= 6],
        "num_keypoints": sum(flag > 0 for flag in flags),
        "area": float(person.mask.sum()),
        "iscrowd": 0,
        "keypoints": keypoints,
        "bbox": rounded(box_of_mask(person.mask)),
    }


def _flag(person: PersonTruth, name: str, *, unlucky: bool) -> int:
    """COCO's 2 (seen), 1 (hidden but known) or 0 (not labelled); some hidden points are given up."""
    state = person.states[name]
    if state == SEEN:
        return 2
    if state == OUTSIDE or name in FACE_POINTS:
        return 0
    return 0 if state == HIDDEN and (unlucky or person.visible_share < 0.4) else 1


def _crowds(scene: Scene, people: BoolArray) -> list[Json]:
    """Crowd regions: run-length masks with iscrowd 1 and no keypoints."""
    crowds = []
    size = (scene.camera.width, scene.camera.height)
    for outline in scene.crowd:
        seen = outline_in_picture(outline, scene.backdrop_map(0), size)
        if seen is None:
            continue
        mask = _filled(seen, size) & ~people
        if mask.sum() < MIN_PIXELS:
            continue
        crowds.append({
            "segmentation": {"counts": run_lengths(mask), "size": [size[1], size[0]]},
            "num_keypoints": 0, "area": float(mask.sum()), "iscrowd": 1, "keypoints": [0] * 51,
            "bbox": rounded(box_of_mask(mask)),
        })  # fmt: skip
    return crowds


def _filled(outline: FloatArray, size: tuple[int, int]) -> BoolArray:
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1.0)
    return mask.astype(bool)


def run_lengths(mask: BoolArray) -> list[int]:
    """COCO's uncompressed run lengths: down the columns, starting with zeros."""
    flat = np.concatenate([[False], mask.T.ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    runs = np.diff(np.concatenate([[0], edges, [mask.size]]))
    return [int(v) for v in (runs[:-1] if len(runs) > 1 and runs[-1] == 0 else runs)]
