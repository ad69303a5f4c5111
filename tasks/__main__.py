"""`python -m tasks STAGE`: one stage of the pipeline on the repository in the working folder."""

import argparse
import importlib
import logging
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from tasks.determinism import limit_threads, make_deterministic
from tasks.errors import InputError
from tasks.params import load_params
from tasks.provenance import recorded
from tasks.stages import STAGES
from tasks.workspace import Workspace

_LOG: Final = logging.getLogger("tasks")
DONE, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one stage and return the exit code: 0 done, 1 failed, 2 bad input, 130 stopped."""
    stage = _parser().parse_args(arguments).stage
    workspace = Workspace.of_repository(Path.cwd())
    log_file = _log_to(workspace.state / "logs" / f"{stage}.log")
    signal.signal(signal.SIGTERM, _stop)
    try:
        run_stage(stage, workspace)
    except InputError as error:
        _LOG.debug("bad input", exc_info=True)
        return _say(f"{stage}: {error}", BAD_INPUT)
    except KeyboardInterrupt:
        return _say(f"{stage}: stopped; run it again to go on", STOPPED)
    except Exception as error:
        _LOG.debug("failed", exc_info=True)
        first = (str(error).splitlines() or [""])[0]
        return _say(f"{stage}: failed with {type(error).__name__}: {first}; traceback in {log_file}", FAILED)
    return DONE


def run_stage(stage: str, workspace: Workspace) -> None:
    """Run `stage` by params.yaml of the working folder, with seeds, threads, progress and provenance."""
    params = load_params(Path("params.yaml"))
    limit_threads(params.run.threads_per_worker)
    module = importlib.import_module(f"tasks.{stage}")
    make_deterministic(params.run.seed, params.run.threads_per_worker)
    with recorded(stage, workspace):
        module.run(workspace, params)


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, STAGES))
    lines = "\n".join(f"  {name:<{width}}  {meaning}" for name, meaning in STAGES.items())
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


def _say(sentence: str, code: int) -> int:
    _LOG.error(sentence)
    return code


def _stop(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
