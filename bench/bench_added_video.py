"""What one more video costs: `python -m bench.bench_added_video [--videos N] [--out FILE.json]`.

A corpus of tiny videos goes through the stages of `reprocess`, from the index to the page with its overlays; then one
is added and all stages run again, in the same process, so that its start and the loading of libraries count for
neither. The networks are small and random. Processor seconds are compared.
"""

import logging
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench.bench_growth import add_videos
from bench.bench_memory import NETWORK_WIDTH, params_of
from bench.bench_throughput import save_networks
from bench.measurements import options, show
from tasks.determinism import make_deterministic
from tasks.stage_run import run_stage
from tasks.workspace import Workspace

STAGES: Final = ("index", "detect", "estimate", "recover", "track", "merge", "export", "report")
ALLOWED_SHARE: Final = 0.02


def main() -> None:
    """Measure, print, write JSON."""
    parser = options(__doc__)
    parser.add_argument("--videos", type=int, default=100, help="before one is added")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="corrtrack-") as folder:
        measured = measure(Path(folder), arguments.videos)
    show(measured, arguments.out)


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Processor seconds of each stage with all videos, and with the added one."""
    corpus, models = folder / "corpus", folder / "artifacts" / "models"
    corpus.mkdir()
    models.mkdir(parents=True)
    make_deterministic(0, 1)
    save_networks(models, NETWORK_WIDTH)
    add_videos(corpus, range(1))
    seconds_by_stage(folder)  # loads the libraries
    time.sleep(3)  # younger files are read again, since a change of theirs might not show
    add_videos(corpus, range(1, count))
    whole = seconds_by_stage(folder)
    time.sleep(3)
    add_videos(corpus, range(count, count + 1))
    added = seconds_by_stage(folder)
    return {
        "videos before": count,
        "processor seconds of all": whole,
        "processor seconds of the added one": added,
        "share": sum(added.values()) / sum(whole.values()),
        "share allowed": ALLOWED_SHARE,
    }


def seconds_by_stage(folder: Path) -> dict[str, float]:
    """Run all stages, and give the processor seconds of each."""
    home = Workspace(
        folder / "corpus", folder / "artifacts", folder / "reports", folder / ".corrtrack", folder / "overlays"
    )
    params, seconds = params_of(), {}
    for stage in STAGES:
        worked = time.process_time()
        run_stage(stage, home, params)
        seconds[stage] = time.process_time() - worked
    return seconds


if __name__ == "__main__":
    main()
