"""Stages against a plain script: `python -m bench.bench_throughput [--out FILE.json] [--frames N] [--repeats N]`.

Frames per second of index, detect (boxes from a file), estimate, recover and track, from pictures to tables on disk,
and those of a script that runs the same networks frame by frame in the style of the released code: a picture is decoded
for each crop, one person follows the other, features and maps are computed once to recover and again to track, and the
third stage of the pose network is computed and thrown away. Full width, random weights, CPU. Both take turns; processor
seconds are those to compare, and the poses of both must agree.
"""

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import cv2
import numpy as np
from torch import nn

from bench.measurements import options, show, with_values
from bench.plain_script import CROP_HEIGHT, CROP_WIDTH, DECODED_STAGE, PlainScript
from models.arrays import FloatArray
from models.keypoints import KEYPOINT_COUNT
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.networks.pose import PoseNetwork
from models.weight_files import save_weights
from tasks.code_files import REPOSITORY
from tasks.determinism import make_deterministic
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.stage_run import run_stage
from tasks.tables import read_table
from tasks.tables.arrays import keypoint_array, list_array
from tasks.tables.schemas import AFFINITIES, POSES
from tasks.workspace import Workspace

STAGES: Final = ("index", "detect", "estimate", "recover", "track")
PRECISIONS: Final = ("float32", "bfloat16")
VIDEO, PERSONS, WIDTH, HEIGHT = "clip", 3, 1280, 720
FRAME_SIZE_PX = 512
ALLOWED_RATIO = 3.0
THREADS = 1
FAR_SHARE, AFFINITY_TOLERANCE = 0.02, 1e-3
"""Rounding decides between cells of nearly the same height: so many keypoints may lie elsewhere."""
FIRST_PIXEL = np.array([1.0, 1.0, 0.0, 0.0])
"""Files in MOT form count pixels from 1."""
FEWEST_FRAMES: Final = 2
"""Their seconds are taken off, so that loading networks and starting stages do not count."""

Found: TypeAlias = tuple[list[FloatArray], FloatArray]
"""Keypoints (P,17,2) of each frame, and affinities (T-1,P,P,17) of poses of neighbouring frames."""
Way: TypeAlias = Callable[[Path], Found]
"""Tracks the clip of a data folder."""
Network = TypeVar("Network", bound=nn.Module)


def main() -> None:
    """Measure, print, write JSON."""
    parser = options(__doc__)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="corrtrack-") as folder:
        measured = measure(Path(folder), arguments.frames, arguments.repeats)
    show(measured, arguments.out)


def measure(folder: Path, frames: int, repeats: int, *, width: float = 1.0) -> dict[str, Any]:
    """Median processor seconds of a frame, the ways in turn, and how many times as fast the stages are."""
    make_deterministic(0, THREADS)
    save_networks(folder / "models", width)
    clips = {count: write_clip(folder / f"data{count}", count) for count in (FEWEST_FRAMES, frames)}
    ways: dict[str, Way] = {"script": partial(by_script, folder / "models")}
    ways |= {f"stages in {precision}": partial(by_stages, folder, precision) for precision in PRECISIONS}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        short, long = ({name: timed(way, data) for name, way in ways.items()} for data in clips.values())
        for name in ways:
            taken[name].append((long[name][0] - short[name][0]) / (frames - FEWEST_FRAMES))
        require_equal(long["script"][1], long["stages in float32"][1])
    seconds = {name: statistics.median(values) for name, values in taken.items()}
    return {
        "frames": frames,
        "persons": PERSONS,
        "threads": THREADS,
        "processor seconds of a frame": seconds,
        "speedup": {name: seconds["script"] / value for name, value in seconds.items() if name != "script"},
        "speedup aimed at": ALLOWED_RATIO,
    }


def timed(way: Way, data: Path) -> tuple[float, Found]:
    """Processor seconds of a way on a clip, and what it finds."""
    worked = time.process_time()
    answer = way(data)
    return time.process_time() - worked, answer


def by_script(models: Path, data: Path) -> Found:
    """Run the plain script on the clip."""
    script = PlainScript(models, FRAME_SIZE_PX)
    pictures = sorted((data / "videos" / VIDEO).glob("*.jpg"))
    return script.track(pictures, [boxes_of(index) for index in range(len(pictures))])


def by_stages(folder: Path, precision: str, data: Path) -> Found:
    """Run the stages on the clip, in this process; what they write is read for the comparison."""
    with out_folder(folder, data) as workspace:
        for stage in STAGES:
            run_stage(stage, workspace, params_of(precision))
        poses, affinities = (
            read_table(table, table.path(workspace.tables, VIDEO)).sort_by([(name, "ascending") for name in table.key])
            for table in (POSES, AFFINITIES)
        )
        frames = poses["frame_index"].to_numpy()
        xy = keypoint_array(poses)
        values = list_array(affinities, "refined").reshape(-1, PERSONS, PERSONS, KEYPOINT_COUNT)
        return [xy[frames == index] for index in np.unique(frames)], values


@contextmanager
def out_folder(folder: Path, data: Path) -> Iterator[Workspace]:
    """An empty workspace on the data, with the networks of the folder; it is deleted afterwards."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        out = Path(scratch)
        workspace = Workspace(data, out / "artifacts", out / "reports", out / ".corrtrack")
        workspace.models.parent.mkdir(parents=True)
        workspace.models.symlink_to(folder / "models")
        yield workspace


def require_equal(script: Found, stages: Found) -> None:
    """Raise a RuntimeError where both do not find the same: else their seconds cannot be compared."""
    far = np.abs(np.concatenate(script[0]) - np.concatenate(stages[0])).max(axis=-1) > 1
    difference = np.abs(script[1] - stages[1])[..., ~far[: script[1].shape[1]].any(axis=0)]
    if far.mean() > FAR_SHARE:
        raise RuntimeError(f"expected the same poses of both ways, got {far.mean():.1%} of the keypoints elsewhere")
    if np.median(difference) > AFFINITY_TOLERANCE:
        raise RuntimeError(f"expected the same affinities of both ways, got {np.median(difference):.2g} between them")


def params_of(precision: str) -> Params:
    """The paper's sizes, with thresholds that random networks pass; every pose is estimated anew in the next frame."""
    params = load_params(REPOSITORY / "params.yaml")
    sections: dict[str, dict[str, Any]] = {
        "compute": {"executor": "local"},
        "detect": {"box_sources": ["detected"]},
        "estimate": {
            "crop_width_px": CROP_WIDTH,
            "crop_height_px": CROP_HEIGHT,
            "output_stage": DECODED_STAGE,
            "nms_oks": 1.0,
            "precision": precision,
        },
        "recover": {
            "frame_size_px": FRAME_SIZE_PX,
            "peak_position": "cell",
            "query_keypoint_threshold": 0.0,
            "corr_threshold": 0.0,
            "nms_keypoint_threshold": 2.0,  # no score is so high, so no pose is added, and the work of both is the same
            "precision": precision,
        },
        "track": {"tau_corr": 0.0, "query_keypoint_threshold": 0.0, "min_track_frames": 1},
    }
    return with_values(params, sections)


def save_networks(folder: Path, width: float) -> None:
    """Weight files of random networks, that of poses with the three stages of the release."""
    pose = lively(PoseNetwork(width=width, stages=3))
    both = CorrespondenceNetwork(lively(SiameseNetwork(width=width)), lively(RefinementNetwork(width=width)))
    save_weights(folder / "pose.safetensors", pose, kind="pose", architecture=pose.architecture, params={})
    save_weights(
        folder / "correspondence.safetensors", both, kind="correspondence", architecture=both.architecture, params={}
    )


def lively(network: Network) -> Network:
    """Random weights whose maps differ from cell to cell, so that rounding decides no peak."""
    for name, tensor in network.named_parameters():
        if name.endswith(("output.bias", "output.weight")):
            nn.init.normal_(tensor, std=0.3 if name.endswith("bias") else 0.05)
    return network.eval()


def write_clip(data: Path, frames: int) -> Path:
    """A folder of pictures of a scene that moves, with person boxes beside it; returns the data folder, indexed."""
    folder = data / "videos" / VIDEO
    folder.mkdir(parents=True)
    scene = np.random.default_rng(0).integers(0, 255, (HEIGHT // 8, WIDTH // 8 + frames, 3), dtype=np.uint8)
    large = cv2.resize(scene, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    lines = []
    for index in range(frames):
        cv2.imwrite(str(folder / f"{index + 1:06}.jpg"), large[:, 4 * index : 4 * index + WIDTH])
        lines += [f"{index + 1},-1,{','.join(map(str, box))},0.9\n" for box in boxes_of(index) + FIRST_PIXEL]
    folder.with_name(f"{VIDEO}.det.txt").write_text("".join(lines))
    return data


def boxes_of(index: int) -> FloatArray:
    """Boxes (P,4) of the persons in a frame, px."""
    return np.array([[120.0 + 350 * person - 4 * index, 150.0, 160.0, 420.0] for person in range(PERSONS)])


if __name__ == "__main__":
    main()
