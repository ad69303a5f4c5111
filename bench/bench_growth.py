"""What a grown corpus costs before its first new video is tracked.

`python -m bench.bench_growth [--videos N] [--frames N] [--out FILE.json]`

Thousands of tiny video files, all but ten of them known from an earlier look, are indexed, looked at, and given their
boxes, as `reprocess` does before any network runs. Processor seconds are those to compare: a busy machine lengthens
the others. The first look finds every video new, the last knows all but ten. Only one video is decoded, for all: they
differ in bytes that players pass over. Peaks are those of one process that goes through all looks, so that what an
earlier step left in the memory counts too.
"""

import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import numpy as np

from bench.measurements import options, show
from flows.scheduling.corpus_look import seen_videos
from flows.scheduling.state_table import StateTable
from tasks.code_files import REPOSITORY
from tasks.formats import videos
from tasks.inference.box_sources import require_boxes
from tasks.params.loading import load_params
from tasks.stage_run import run_stage
from tasks.workspace import Workspace

FRAMES: Final = 4
"""Of each video, unless others are asked for."""
NEW: Final = 10
ALLOWED_SECONDS, ALLOWED_MIB = 30.0, 1024


class StepCost(NamedTuple):
    """What one step of a look took."""

    processor_seconds: float
    peak_mib: int


def main() -> None:
    """Measure, print, write JSON."""
    parser = options(__doc__)
    parser.add_argument("--videos", type=int, default=2000, help="of which ten are new")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each video, with a box in each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="corrtrack-") as folder:
        measured = measure(Path(folder), arguments.videos, arguments.frames)
    show(measured, arguments.out)


def measure(folder: Path, count: int, frames: int) -> dict[str, Any]:
    """Seconds, processor seconds and peak memory of the steps before the first new shard."""
    (folder / "corpus").mkdir()
    add_videos(folder / "corpus", range(count - NEW), frames)
    decode_once(folder / "template.mp4")
    first_look = plan(folder)
    time.sleep(3)  # younger files are read again, since a change of theirs might not show
    plan(folder)
    add_videos(folder / "corpus", range(count - NEW, count), frames)
    began, worked = time.perf_counter(), time.process_time()
    steps = plan(folder)
    return {
        "videos": count,
        "frames of each": frames,
        "new": NEW,
        "seconds": time.perf_counter() - began,
        "processor seconds": time.process_time() - worked,
        "by step of the first look": {name: cost._asdict() for name, cost in first_look.items()},
        "by step": {name: cost._asdict() for name, cost in steps.items()},
        "seconds allowed of 10,000 videos": ALLOWED_SECONDS,
        "memory allowed of 10,000 videos, MiB": ALLOWED_MIB,
    }


def plan(folder: Path) -> dict[str, StepCost]:
    """What a run does before its networks; gives the cost of each step."""
    workspace = Workspace(folder / "corpus", folder / "artifacts", folder / "reports", folder / ".corrtrack")
    params, table = load_params(REPOSITORY / "params.yaml"), StateTable(folder)
    steps: dict[str, Callable[[], object]] = {
        "index": lambda: run_stage("index", workspace, params),
        "states": lambda: table.start(seen_videos(workspace, params.detect.splits), {}),
        "boxes": lambda: require_boxes(workspace, params),
        "detect": lambda: run_stage("detect", workspace, params),
    }
    return {name: _cost_of(step) for name, step in steps.items()}


def _cost_of(step: Callable[[], object]) -> StepCost:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew at what the process has now
    worked = time.process_time()
    step()
    peak = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]
    return StepCost(time.process_time() - worked, int(peak) // 1024)


def decode_once(template: Path) -> None:
    """Let every video of this process decode to what `template` does."""
    decoded = videos.decode_video(template)

    def as_template(path: Path) -> videos.DecodedVideo:
        return decoded

    videos.decode_video = as_template


def add_videos(folder: Path, numbers: range, frames: int = FRAMES) -> None:
    """Video files of the same pictures and other bytes, with a box in each frame."""
    template = folder.parent / "template.mp4"
    if not template.exists():
        _write_video(template, frames)
    boxes = "".join(f"{index + 1},-1,{10 + index},5,20,40,0.9\n" for index in range(frames))
    for number in numbers:
        ending = b"\0\0\0\x10free" + f"{number:08d}".encode()  # a box of MP4 that players pass over
        (folder / f"video{number:06d}.mp4").write_bytes(template.read_bytes() + ending)
        (folder / f"video{number:06d}.det.txt").write_text(boxes)


def _write_video(path: Path, frames: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64 + frames, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(frames):
            picture = np.ascontiguousarray(pixels[:, index : index + 64])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
