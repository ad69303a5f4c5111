"""Videos of known motion from single pictures: `python -m bench.warp_pictures ANNOTATIONS PICTURES OUT`.

Reads COCO keypoints and the pictures that they are of, and writes some videos as pictures, each with a PoseTrack18
annotation, for `corrtrack evaluate-warps`. A video is one picture under a warp that changes smoothly from frame to
frame: it turns, scales, shifts and bends as much within the video as training pairs do (4.3). So it says how far
correspondences reach on real persons under drawn motion, where no annotated video is at hand.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from models.arrays import BoolArray, FloatArray
from models.keypoints import KEYPOINT_COUNT, POSETRACK_KEYPOINTS
from models.warps.affines import chain, similarity_about
from models.warps.keypoints import HEAD_TOP, posetrack_from_coco
from models.warps.warp import Bend, Warp, draw_bend

FRAMES: Final = 41
SIZE_PX: Final = 512
TURN_DEGREES, SCALE, SHIFT_SHARE, SLOPE = 30.0, 1.33, 0.15, 0.4
NECK: Final = POSETRACK_KEYPOINTS.index("head_bottom")
HEAD_SIDES: Final = 0.8
"""Width of a head box by the distance from neck to top of the head."""


def main() -> None:
    """Write the videos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", type=Path, help="COCO keypoints")
    parser.add_argument("pictures", type=Path, help="folder of their pictures")
    parser.add_argument("out", type=Path, help="folder to write NAME/ and NAME.json to")
    parser.add_argument("--videos", type=int, default=6, help="of the pictures with most keypoints")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    document = json.loads(arguments.annotations.read_text())
    generator = np.random.default_rng(arguments.seed)
    for image in chosen(document, arguments.videos):
        write_video(image, persons_of(document, image), arguments.pictures, arguments.out, generator)


def chosen(document: dict[str, Any], videos: int) -> list[dict[str, Any]]:
    """The pictures with most labelled keypoints, persons in crowds left out."""
    counts = {image["id"]: 0 for image in document["images"]}
    for person in document["annotations"]:
        counts[person["image_id"]] += 0 if person.get("iscrowd") else person["num_keypoints"]
    return sorted(document["images"], key=lambda image: (-counts[image["id"]], image["id"]))[:videos]


def persons_of(document: dict[str, Any], image: dict[str, Any]) -> tuple[FloatArray, BoolArray]:
    """Keypoints (P,17,2) px in PoseTrack's order, and (P,17) labelled."""
    persons = [
        np.reshape(person["keypoints"], (KEYPOINT_COUNT, 3)).astype(np.float64)
        for person in document["annotations"]
        if person["image_id"] == image["id"] and person["num_keypoints"] and not person.get("iscrowd")
    ]
    triples = np.stack(persons)
    return posetrack_from_coco(triples[..., :2], triples[..., 2] > 0, head_from_trunk=True)


def write_video(
    image: dict[str, Any],
    persons: tuple[FloatArray, BoolArray],
    pictures: Path,
    out: Path,
    generator: np.random.Generator,
) -> None:
    """Write one video, as JPEG pictures, and its annotation."""
    picture = cv2.imread(str(pictures / image["file_name"]))
    if picture is None:
        raise SystemExit(f"{pictures / image['file_name']}: expected a picture")
    name = Path(image["file_name"]).stem
    (out / name).mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, warp in enumerate(warps(picture.shape[1], picture.shape[0], generator)):
        file = f"{index:06d}.jpg"
        cv2.imwrite(str(out / name / file), warp.view(np.asarray(picture, np.uint8), SIZE_PX))
        images.append({"id": index, "frame_id": index, "file_name": file, "is_labeled": True})
        annotations += annotated(index, warp.moved(persons[0]), persons[1])
    for number, annotation in enumerate(annotations):
        annotation["id"] = number
    categories = [{"id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (out / f"{name}.json").write_text(json.dumps(document))


def warps(width: int, height: int, generator: np.random.Generator) -> Iterator[Warp]:
    """The warp of each frame: every part of the motion is a slow wave."""
    fit = SIZE_PX / max(width, height)
    fitted = np.array([[fit, 0, (SIZE_PX - fit * width) / 2], [0, fit, (SIZE_PX - fit * height) / 2]])
    bend = draw_bend(SLOPE, SIZE_PX, generator)
    phases, periods = generator.uniform(0, 2 * np.pi, 5), generator.uniform(30, 60, 5)
    for index in range(FRAMES):
        turn, zoom, right, down, bent = np.sin(2 * np.pi * index / periods + phases)
        motion = similarity_about(
            (SIZE_PX / 2, SIZE_PX / 2),
            degrees=TURN_DEGREES / 2 * turn,
            scale=SCALE ** (zoom / 2),
            shift_xy=(SHIFT_SHARE * SIZE_PX * right, SHIFT_SHARE * SIZE_PX * down),
            mirror_width=0,
        )
        yield Warp(chain(motion, fitted), Bend(bend.waves, bend.phases, bend.swings * bent))


def annotated(index: int, xy: FloatArray, labelled: BoolArray) -> Iterator[dict[str, Any]]:
    """The annotation of each person with a head of whom the frame shows something; the head box has the head's size."""
    shown = labelled & ((xy >= 0) & (xy < SIZE_PX)).all(axis=-1)
    for track, (points, is_shown) in enumerate(zip(xy, shown, strict=True)):
        height = float(np.linalg.norm(points[HEAD_TOP] - points[NECK]))
        if not is_shown.any() or not labelled[track, [HEAD_TOP, NECK]].all():
            continue
        left, top = (points[HEAD_TOP] + points[NECK]) / 2 - np.array([HEAD_SIDES, 1]) * height / 2
        keypoints = np.column_stack([points * is_shown[:, None], is_shown])
        yield {
            "image_id": index,
            "track_id": track,
            "category_id": 1,
            "keypoints": keypoints.ravel().tolist(),
            "bbox_head": [float(left), float(top), HEAD_SIDES * height, height],
        }


if __name__ == "__main__":
    main()
