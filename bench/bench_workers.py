"""Two workers against one: `python -m bench.bench_workers [--out FILE.json] [--videos N]`.

Seconds that pass while the stages estimate and recover do the same videos on Ray: one worker of one thread, one of two
threads, and two of one thread. Those of a quarter of the videos are taken off, so that the start of Ray and the loading
of networks do not count. Two cores of a machine need not be twice one: `machine` is how many times as much two
processes multiply together as one alone, which is what two workers can reach at most.
"""

import logging
import multiprocessing
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import torch

from bench.bench_throughput import VIDEO, out_folder, params_of, save_networks, write_clip
from bench.measurements import options, show, with_values
from tasks.determinism import make_deterministic
from tasks.params.sections import Params
from tasks.stage_run import run_stage

WIDTH: Final = 0.5
FRAMES: Final = 6
AIMED_AT: Final = 1.8
WAYS: Final = {"1 worker, 1 thread": (1, 1), "1 worker, 2 threads": (1, 2), "2 workers, 1 thread": (2, 1)}
"""Workers, and the threads of each."""
MULTIPLY_SECONDS: Final = 5.0


def main() -> None:
    """Measure, print, write JSON."""
    parser = options(__doc__)
    parser.add_argument("--videos", type=int, default=16)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="corrtrack-") as folder:
        measured = measure(Path(folder), arguments.videos)
    show(measured, arguments.out)


def measure(folder: Path, videos: int) -> dict[str, Any]:
    """Seconds of the further videos in each way, and how many times as fast two workers are."""
    make_deterministic(0, 1)
    save_networks(folder / "models", WIDTH)
    counts = max(videos // 4, 2), videos
    corpora = [write_corpus(folder / f"videos{count}", count) for count in counts]
    seconds = {}
    for name, (workers, threads) in WAYS.items():
        few, many = (seconds_of(folder, data, workers=workers, threads=threads) for data in corpora)
        seconds[name] = many - few
    two = seconds["2 workers, 1 thread"]
    return {
        "videos": counts[1] - counts[0],
        "frames": FRAMES,
        "seconds": seconds,
        "speedup of two workers": {name: value / two for name, value in seconds.items() if value is not two},
        "speedup aimed at": AIMED_AT,
        "machine": multiplied(2) / multiplied(1),
    }


def write_corpus(data: Path, videos: int) -> Path:
    """So many videos of one scene, with boxes beside them; returns the data folder."""
    write_clip(data, FRAMES)
    folder = data / "videos"
    for path in sorted(folder.iterdir()):
        for number in range(1, videos):
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, folder / path.name.replace(VIDEO, f"{VIDEO}{number}", 1))
    return data


def seconds_of(folder: Path, data: Path, *, workers: int, threads: int) -> float:
    """Seconds that pass while the networks do the videos of a data folder."""
    with out_folder(folder, data) as home:
        params = on_ray(workers, threads)
        for stage in ("index", "detect"):
            run_stage(stage, home, params)
        began = time.perf_counter()
        for stage in ("estimate", "recover"):
            run_stage(stage, home, params)
        return time.perf_counter() - began


def on_ray(workers: int, threads: int) -> Params:
    """Params of so many workers, however little there is to do."""
    compute = {"executor": "ray", "ray_from_frames": 0, "workers": workers}
    return with_values(params_of("float32"), {"compute": compute, "run": {"threads_per_worker": threads}})


def multiplied(processes: int) -> float:
    """Products of matrices a second, of so many processes together."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        list(pool.map(products, [0.2] * processes))  # starts them
        return sum(pool.map(products, [MULTIPLY_SECONDS] * processes))


def products(seconds: float) -> float:
    """Products of matrices a second, on one thread."""
    torch.set_num_threads(1)
    matrix, count, began = torch.ones(512, 512), 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        matrix @ matrix
        count += 1
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
