"""Peak memory of the stages by the length of a video: `python -m bench.bench_memory [--frames N N] [--out FILE.json]`.

One video file of tiny pictures with a few persons goes from the index to the overlay, with the backward pass of
recovery: little memory is fixed, so that what grows with the video shows. Each stage runs in a process of its own,
which tells its own peak. The stages are the real ones. Their networks are not, unless --networks asks for small random
ones: a stand-in puts the same pose into every box, and maps that peak at the keypoints of their source, since 30,000
frames of networks take hours, and what a network needs does not depend on the length.
"""

import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np

from bench.measurements import options, show, with_values
from models.arrays import FloatArray
from tasks.code_files import REPOSITORY
from tasks.content_key import content_key, file_digest
from tasks.determinism import give_freed_memory_back, make_deterministic
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.stage_run import run_stage
from tasks.workspace import Workspace

_LOG: Final = logging.getLogger("bench")
LENGTHS: Final = (300, 3_000)
STAGES: Final = ("index", "detect", "estimate", "recover", "track", "merge", "export", "overlay")
VIDEO, PERSONS, WIDTH, HEIGHT = "clip", 3, 96, 64
NETWORK_WIDTH, CROP_PX, FRAME_SIZE_PX = 0.0625, 32, 32
ALLOWED_GROWTH: Final = 0.1
"""Of the peak, from the shortest to the longest video."""


def main() -> None:
    """Measure, print, write JSON; with --stage be the process of one stage."""
    parser = options(__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=LENGTHS, help="lengths of the video")
    parser.add_argument("--folder", type=Path, help="keep corpora and tables here")
    parser.add_argument("--stage", choices=STAGES, help="run this stage in the folder and print the peak")
    parser.add_argument("--networks", action="store_true", help="run small random networks")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    _LOG.setLevel(logging.INFO)
    if arguments.stage:
        print(peak_mib(arguments.stage, arguments.folder, with_networks=arguments.networks))  # noqa: T201
        return
    with tempfile.TemporaryDirectory(prefix="corrtrack-") as folder:
        measured = measure(arguments.folder or Path(folder), arguments.frames, with_networks=arguments.networks)
    show(measured, arguments.out)


def measure(folder: Path, lengths: Sequence[int], *, with_networks: bool) -> dict[str, Any]:
    """Peak MiB of each stage at each length, how much it grew, and a digest of all tables and exports."""
    from bench.bench_throughput import save_networks  # loads torch, which stages without networks do without

    peaks: dict[str, dict[int, int]] = {stage: {} for stage in STAGES}
    digests = {}
    for length in lengths:
        home = folder / str(length)
        write_clip(home / "data" / "videos", length)
        make_deterministic(0, 1)
        (home / "artifacts" / "models").mkdir(parents=True)
        save_networks(home / "artifacts" / "models", NETWORK_WIDTH)
        for stage in STAGES:
            command = [sys.executable, "-m", "bench.bench_memory", "--stage", stage, "--folder", str(home)]
            command += ["--networks"] * with_networks
            ran = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
            peaks[stage][length] = int(ran.stdout.split()[-1])
            _LOG.info("%d frames, %s: %d MiB", length, stage, peaks[stage][length])
        digests[length] = digest_of_results(home)
    growth = {stage: of_stage[max(lengths)] / of_stage[min(lengths)] - 1 for stage, of_stage in peaks.items()}
    return {"peak MiB": peaks, "growth": growth, "growth aimed at": ALLOWED_GROWTH, "sha256": digests}


def digest_of_results(home: Path) -> str:
    """Digest of all tables and exports, by which two versions of the code can be compared."""
    folders = (home / "artifacts" / name for name in ("tables", "exports"))
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return content_key({str(path.relative_to(home)): file_digest(path) for path in files})


def peak_mib(stage: str, home: Path, *, with_networks: bool) -> int:
    """Run a stage in this process, and give the most memory it ever had."""
    workspace = Workspace(home / "data", home / "artifacts", home / "reports", home / ".corrtrack", home / "overlays")
    if stage in ("estimate", "recover", "merge") and not with_networks:
        from bench.stand_in_networks import put_in_place  # loads torch

        put_in_place()
    if stage == "overlay":
        give_freed_memory_back()  # as `run_stage` does
        from tasks.reporting.overlays import write_overlays  # loads pandas

        write_overlays(workspace, params_of())
    else:
        run_stage(stage, workspace, params_of())
    # of this process alone: ru_maxrss also counts what the process had before it was another program
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024


def params_of() -> Params:
    """The demo's numbers, with sizes of the tiny clip and thresholds that random networks pass."""
    params = load_params(REPOSITORY / "params.yaml")
    sections: dict[str, dict[str, Any]] = {
        "compute": {"executor": "local"},
        "detect": {"box_sources": ["detected"]},
        "estimate": {"crop_width_px": CROP_PX, "crop_height_px": CROP_PX, "flip_test": False, "nms_oks": 1.0},
        "recover": {
            "frame_size_px": FRAME_SIZE_PX,
            "backward": True,
            "query_keypoint_threshold": 0.0,
            "corr_threshold": 0.0,
            "nms_oks": 0.9,
            "nms_keypoint_threshold": 0.0,
        },
        "track": {"tau_corr": 0.0, "query_keypoint_threshold": 0.0, "output_keypoint_threshold": 0.0},
        "export": {"formats_without_annotations": ["table", "csv", "jsonl", "mot", "coco-tracks", "posetrack18"]},
    }
    return with_values(params, sections)


def write_clip(folder: Path, frames: int) -> None:
    """A video file of a scene that moves, with person boxes beside it."""
    folder.mkdir(parents=True)
    scene = cv2.resize(np.random.default_rng(0).integers(0, 255, (16, 64, 3), dtype=np.uint8), (512, HEIGHT))
    with av.open(str(folder / f"{VIDEO}.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            picture = np.ascontiguousarray(np.roll(scene, -index, axis=1)[:, :WIDTH])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    lines = (
        f"{index + 1},-1,{','.join(map(str, box + 1))},0.9\n" for index in range(frames) for box in boxes_of(index)
    )
    (folder / f"{VIDEO}.det.txt").write_text("".join(lines))


def boxes_of(index: int) -> FloatArray:
    """Left, top, width, height of the persons in a frame, px."""
    sway = 3 * np.sin(index / 9)
    return np.array([[4 + 30 * person + sway, 8, 24, 48] for person in range(PERSONS)])


if __name__ == "__main__":
    main()
