"""How fast the paper's tables come from Parquet alone: `python -m bench.bench_tables [--out FILE.json]`.

Tables 3 and 6, and table 7's row without duplicate removal, on the tables of the repository's last run, reading of
tables and ground truth included. Without a run the result says that nothing was measured.
"""

import time
from pathlib import Path
from typing import Any

from bench.measurements import options, show
from tasks.ablation.tables_3_to_7 import table_3, table_6, with_changes
from tasks.code_files import REPOSITORY
from tasks.params.loading import load_params
from tasks.tracker_evaluation.videos import evaluation_videos
from tasks.workspace import Workspace

ALLOWED_SECONDS = 10.0


def main() -> None:
    """Measure, print, write JSON."""
    parser = options(__doc__)
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help="checkout that holds the tables of a run")
    arguments = parser.parse_args()
    measured = measure(arguments.repository)
    show(measured, arguments.out)


def measure(repository: Path) -> dict[str, Any]:
    """Seconds in all, processor seconds, and the share of the seconds allowed."""
    workspace, params = Workspace.of_repository(repository), load_params(repository / "params.yaml")
    if not (workspace.tables / "tracks").is_dir():
        return {"left out": "expected the tables of a run, found none; run `make demo` first"}
    began, worked = time.perf_counter(), time.process_time()
    videos = evaluation_videos(workspace, "val", "detected")
    table_3(videos, params.track, params.ablate.output_keypoint_thresholds)
    table_6(videos, params.track, params.ablate.tau_corr_values)
    with_changes(videos, params.track, duplicate_removal=False)
    seconds = time.perf_counter() - began
    return {
        "videos": len(videos),
        "tables 3, 6 and 7's row without duplicate removal, seconds": seconds,
        "processor seconds": time.process_time() - worked,
        f"share of the {ALLOWED_SECONDS:g} s allowed": seconds / ALLOWED_SECONDS,
    }


if __name__ == "__main__":
    main()
