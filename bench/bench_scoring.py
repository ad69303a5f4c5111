"""How fast scoring is: `python -m bench.bench_scoring [--out FILE.json]`.

The world is that of the official timings: 20 sequences of 100 frames with 6 persons of 15 joints. poseval took 69 s for
AP and CLEAR MOT, PoseTrack21's evaluator 183 s for pose-HOTA (2 cores, loading included). Ours runs in fresh processes,
loading included; a plain motmetrics accumulator per joint is timed in the same run, on the same distances.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from models.keypoints import POSETRACK_KEYPOINTS
from models.metrics.sequence import JOINT_COUNT, MATCH_DISTANCE, frame_blocks
from tasks.formats.json_files import load_json
from tasks.formats.posetrack_files import read_points
from tasks.scoring.poseval_view import poseval_sequence

POSEVAL_SECONDS, POSETRACK21_SECONDS = 69.0, 183.0
REPEATS = 3
_SCORE = "import sys; from pathlib import Path; from tasks.scoring.run import Request, score_folder; "
_SCORE += "score_folder(Request(*map(Path, sys.argv[1:4]), with_hota=sys.argv[4] == 'hota'))"


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the measurements to this JSON file")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder))
    for name, value in measured.items():
        print(f"{name:45s} {value:.3g}")  # noqa: T201
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(measured, indent=2) + "\n")


def measure(folder: Path) -> dict[str, float]:
    """All measurements, in seconds, milliseconds per frame or ratios."""
    world = write_world(folder / "world", sequences=20, frames=100, persons=6)
    (mot, mot_cpu), (hota, hota_cpu) = (fresh_seconds(world, with_hota=choice) for choice in (False, True))
    accumulator, counting = motmetrics_seconds(world), counting_seconds(world)
    measured = {
        "AP and MOT, seconds": mot,
        "AP and MOT, processor seconds": mot_cpu,
        "AP, MOT and HOTA, seconds": hota,
        "AP, MOT and HOTA, processor seconds": hota_cpu,
        "AP and MOT, ms per frame": 1000 * mot / 2000,
        "AP, MOT and HOTA, ms per frame": 1000 * hota / 2000,
        "times poseval's 69 s": POSEVAL_SECONDS / mot,
        "times poseval's 69 s, processor seconds": POSEVAL_SECONDS / mot_cpu,
        "times PoseTrack21's 183 s (AP and MOT too)": POSETRACK21_SECONDS / hota,
        "times PoseTrack21's 183 s, processor seconds": POSETRACK21_SECONDS / hota_cpu,
        "imports alone, seconds": timed_process("import tasks.scoring.run")[0],
        "plain motmetrics accumulators, seconds": accumulator,
        "our event counting, seconds": counting,
        "times plain motmetrics": accumulator / counting,
    }
    for persons in (3, 12, 24):
        grown = write_world(folder / f"persons{persons}", sequences=5, frames=100, persons=persons)
        measured[f"processor ms per frame with {persons} persons"] = (
            1000 * fresh_seconds(grown, with_hota=True)[1] / 500
        )
    for frames in (100, 400, 1600):
        grown = write_world(folder / f"frames{frames}", sequences=1, frames=frames, persons=6)
        measured[f"processor ms per frame with {frames} frames"] = (
            1000 * fresh_seconds(grown, with_hota=True)[1] / frames
        )
    return measured


def write_world(folder: Path, *, sequences: int, frames: int, persons: int) -> Path:
    """Persons who walk through a picture, and predictions with jitter, gaps, false poses and identity changes."""
    rng = np.random.default_rng(0)
    for index in range(sequences):
        name = f"{index + 1:06d}_mpii_test"
        centres = rng.uniform([100, 100], [1800, 900], (persons, 1, 1, 2))
        walk = np.cumsum(rng.normal(0, 3, (persons, frames, 1, 2)), axis=1)
        body = rng.uniform(-60, 60, (persons, 1, len(POSETRACK_KEYPOINTS), 2))
        truth = np.round(centres + walk + body, 2)
        predicted = np.round(truth + rng.normal(0, 6, truth.shape), 2)
        write_file(folder / "gt" / f"{name}.json", truth, name, with_heads=True, rng=rng)
        write_file(folder / "pred" / f"{name}.json", predicted, name, with_heads=False, rng=rng)
    return folder


def write_file(path: Path, xy: np.ndarray, name: str, *, with_heads: bool, rng: np.random.Generator) -> None:
    """One PoseTrack18 file; predictions lose one pose in twenty and change identity now and then."""
    images, annotations = [], []
    for frame in range(xy.shape[1]):
        images.append(
            {
                "id": frame,
                "file_name": f"images/val/{name}/{frame:06d}.jpg",
                "is_labeled": True,
                "ignore_regions_x": [],
                "ignore_regions_y": [],
            }
        )
        for person in range(len(xy)):
            joints = np.column_stack([xy[person, frame], np.ones(xy.shape[2])])
            fields: dict[str, Any] = {"image_id": frame, "track_id": person, "keypoints": joints.ravel().tolist()}
            if with_heads:
                fields["bbox_head"] = [*xy[person, frame, 0].tolist(), 25.0, 30.0]
            else:
                if rng.random() < 0.05:
                    continue
                fields["track_id"] = person + 100 * (frame // 40)
                fields["scores"] = np.round(rng.random(xy.shape[2]), 5).tolist()
            annotations.append(fields)
    category = {"id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))


def fresh_seconds(world: Path, *, with_hota: bool) -> tuple[float, float]:
    """Wall and processor seconds of scoring in a process of its own, from start to exit."""
    return timed_process(_SCORE, *(str(world / side) for side in ("gt", "pred", "out")), "hota" if with_hota else "no")


def timed_process(code: str, *arguments: str) -> tuple[float, float]:
    """Least wall and processor seconds of some runs of a Python process."""
    command = [sys.executable, "-c", code, *arguments]
    runs = []
    for _ in range(REPEATS):
        before, start = os.times(), time.perf_counter()
        subprocess.run(command, check=True, cwd=Path(__file__).parents[1])
        wall, after = time.perf_counter() - start, os.times()
        children = after.children_user + after.children_system - before.children_user - before.children_system
        runs.append((wall, children))
    return min(wall for wall, _ in runs), min(processor for _, processor in runs)


def counting_seconds(world: Path) -> float:
    """Our CLEAR MOT of the world in this process, with distances, without reading of files."""
    from models.metrics.clear_mot import count_events

    sequences = list(loaded(world))
    return best_of(lambda: [count_events(sequence) for sequence in sequences])


def motmetrics_seconds(world: Path) -> float:
    """One motmetrics accumulator per sequence and joint, fed with ready distances; computing its counts included."""
    import motmetrics

    handler = motmetrics.metrics.create()
    names = ["num_misses", "num_switches", "num_false_positives", "num_objects", "num_detections"]
    fed = [list(frame_arguments(sequence)) for sequence in loaded(world)]
    start = time.perf_counter()
    for frames in fed:
        accumulators = [motmetrics.MOTAccumulator(auto_id=True) for _ in range(JOINT_COUNT)]
        for objects, hypotheses, distance in frames:
            for joint, accumulator in enumerate(accumulators):
                accumulator.update(objects, hypotheses, distance[joint])
        for accumulator in accumulators:
            handler.compute(accumulator, metrics=names, return_dataframe=False)
    return time.perf_counter() - start


def frame_arguments(sequence: Any) -> Any:
    """Identities and distances of each frame, NaN beyond the threshold; all joints are present in this world."""
    for block in frame_blocks(sequence):
        distance = np.where(block.distance <= MATCH_DISTANCE, block.distance, np.nan)
        for frame in range(len(distance)):
            rows, columns = block.truth_rows[frame] >= 0, block.predicted_rows[frame] >= 0
            objects = sequence.truth.track_id[block.truth_rows[frame][rows]]
            hypotheses = sequence.predicted.track_id[block.predicted_rows[frame][columns]]
            yield objects, hypotheses, distance[frame][:, rows][:, :, columns]


def loaded(world: Path) -> Any:
    """The world's sequences as poseval sees them."""
    for index, path in enumerate(sorted((world / "gt").glob("*.json"))):
        truth = read_points(str(path), load_json(path), is_truth=True)
        predicted = read_points(str(path), load_json(world / "pred" / path.name), is_truth=False)
        yield poseval_sequence(path.stem, truth, predicted, sequence_index=index)


def best_of(work: Any) -> float:
    """Least seconds of some runs, which other work on the machine disturbs least."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
