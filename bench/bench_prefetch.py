"""How fast training batches are prepared, by `prefetch_threads`: `python -m bench.bench_prefetch [--out FILE.json]`.

Crops of the paper's size (384 x 288) from JPEG pictures of full size, as COCO (640 x 480) and PoseTrack (1920 x 1080)
have them. No network: a GPU is fed in time while it takes more seconds for a batch than this does.
"""

import argparse
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from models.keypoints import COCO_KEYPOINTS
from tasks.code_files import REPOSITORY
from tasks.determinism import limit_threads
from tasks.params.loading import parse_params
from tasks.params.profiles import profile_text
from tasks.training.persons import AnnotatedPersons
from tasks.training.pictures import PictureLocation
from tasks.training.pose_data import PoseData
from tasks.training.prefetch import prefetched

PICTURES, BATCH, BATCHES, REPEATS = 48, 16, 6, 4
SIZES = ((640, 480), (1920, 1080))


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the measurements to this JSON file")
    out = parser.parse_args().out
    limit_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        measured = {
            f"{w}x{h}, {n} threads": crops_per_second(Path(folder), w, h, n) for w, h in SIZES for n in (1, 2, 4)
        }
    for name, value in measured.items():
        print(f"{name:22s} {value:7.1f} crops per second")  # noqa: T201
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(measured | {"cores": os.cpu_count()}, indent=2) + "\n")


def crops_per_second(folder: Path, width: int, height: int, threads: int) -> float:
    """Crops per second of batches that are prepared by so many threads; the best of some repeats."""
    data = pose_data(folder / f"{width}", width, height)
    draw = np.random.default_rng(0)
    samples = [draw.integers(0, PICTURES, BATCH) for _ in range(BATCHES)]
    calls = [partial(data.batch, chosen, [np.random.default_rng(int(n)) for n in chosen]) for chosen in samples]
    rates = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        count = sum(len(batch["images"]) for batch in prefetched(calls, threads=threads))
        rates.append(count / (time.perf_counter() - start))
    return max(rates)


def pose_data(folder: Path, width: int, height: int) -> PoseData:
    """A person in the middle of each of some pictures, which are written unless they are there."""
    names = [f"{number}.jpg" for number in range(PICTURES)]
    if not folder.exists():
        folder.mkdir()
        draw = np.random.default_rng(0)
        for name in names:
            coarse = draw.integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / name), cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    persons = AnnotatedPersons(
        locations=tuple(PictureLocation(name) for name in names),
        picture=np.arange(PICTURES),
        box_xywh=np.tile([width / 4, height / 4, width / 6, height / 2], (PICTURES, 1)),
        box_head_xywh=np.full((PICTURES, 4), np.nan),
        area=np.ones(PICTURES),
        x=np.full((PICTURES, 17), width / 3),
        y=np.full((PICTURES, 17), height / 2),
        labelled=np.ones((PICTURES, 17), dtype=bool),
        identity=np.full(PICTURES, -1),
        image_id=tuple(names),
        digest="",
    )
    section = parse_params(profile_text(REPOSITORY / "profiles", "paper"), name="paper").pretrain
    return PoseData(folder, persons, COCO_KEYPOINTS, section)


if __name__ == "__main__":
    main()
