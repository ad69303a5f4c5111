"""`python -m tasks STAGE`: one stage of the pipeline on the repository in the working folder."""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

from tasks.exit_codes import exit_code_of
from tasks.params.loading import load_params
from tasks.stage_run import run_stage
from tasks.stages import STAGES
from tasks.workspace import Workspace


def main(arguments: list[str] | None = None) -> int:
    """Run one stage and return the exit code: 0 done, 1 failed, 2 bad input, 130 stopped."""
    stage = _parser().parse_args(arguments).stage
    workspace = Workspace.of_repository(Path.cwd())
    log_file = _log_to(workspace.state / "logs" / f"{stage}.log")
    return exit_code_of(stage, partial(_run, stage, workspace), log_file=log_file)


def _run(stage: str, workspace: Workspace) -> None:
    run_stage(stage, workspace, load_params(Path("params.yaml")))


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, STAGES))
    lines = "\n".join(f"  {name:<{width}}  {stage.meaning}" for name, stage in STAGES.items())
    parser = argparse.ArgumentParser(
        prog="python -m tasks",
        description="Run one stage on the repository in the working folder, by its params.yaml. "
        "It runs whether or not it is stale: `dvc repro` or `corrtrack reproduce` decide that.",
        epilog=f"stages, in order:\n{lines}\n\nexit codes: 0 done, 1 failed, 2 bad input, 130 stopped",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", metavar="STAGE", choices=list(STAGES), help="name of the stage, see below")
    return parser


def _log_to(path: Path) -> Path:
    """Log everything to `path` and what a user must see, as plain lines, to standard error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file, screen = logging.FileHandler(path, mode="w", encoding="utf-8"), logging.StreamHandler(sys.stderr)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    screen.setFormatter(logging.Formatter("%(message)s"))
    screen.setLevel(logging.INFO)
    for ring in ("tasks", "models"):
        logging.getLogger(ring).setLevel(logging.DEBUG)
        logging.getLogger(ring).handlers[:] = [file, screen]
        logging.getLogger(ring).propagate = False
    return path


if __name__ == "__main__":
    sys.exit(main())
