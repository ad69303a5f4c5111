"""`python -m tasks.starting_weights`: trains the starting weights and writes them into models/weights."""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path
from typing import Final

from tasks.code_files import REPOSITORY
from tasks.determinism import limit_threads
from tasks.exit_codes import exit_code_of

_LOG: Final = logging.getLogger("tasks.starting_weights")


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked and return the exit code: 0 done, 1 failed, 2 bad input, 130 stopped."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    asked = _parser().parse_args(arguments)
    return exit_code_of("weights", partial(_run, asked.home, asked.target, publish_only=asked.publish_only))


def _run(home: Path, target: Path, *, publish_only: bool) -> None:
    limit_threads(1)  # before NumPy is loaded; each training sets its own
    from tasks.starting_weights.publication import publish
    from tasks.starting_weights.recipe import ROUNDS, round_params, train

    profiles = REPOSITORY / "profiles"
    if not publish_only:
        home.mkdir(parents=True, exist_ok=True)
        train(home, profiles, report=_LOG.info)
    for path in publish(home, target, round_params(profiles, ROUNDS[-1])):
        _LOG.info("%s: %.1f MB", path, path.stat().st_size / 1e6)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks.starting_weights",
        description="Train the starting weights by the files of profiles/weights, on corpora synthesised for them, and "
        "write them in half precision. Run it again to go on after an interruption.",
    )
    parser.add_argument(
        "--home", type=Path, default=Path(".corrtrack/weights"), help="folder of the corpus and trainings"
    )
    parser.add_argument("--target", type=Path, default=Path("models/weights"), help="folder of the published weights")
    parser.add_argument("--publish-only", action="store_true", help="publish what HOME holds, without training")
    return parser


if __name__ == "__main__":
    sys.exit(main())
