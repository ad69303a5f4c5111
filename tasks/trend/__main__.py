"""`python -m tasks.trend STEP HOME`: one step of a trend run, which `corrtrack trend` has laid out in HOME."""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

from tasks.determinism import limit_threads
from tasks.exit_codes import exit_code_of
from tasks.trend.home import TrendHome


def main(arguments: list[str] | None = None) -> int:
    """Do the step and return the exit code: 0 done, 1 failed, 2 bad input, 130 stopped."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    return exit_code_of(asked.step, partial(_run, TrendHome(asked.home), asked.step, asked.reports))


def _run(home: TrendHome, step: str, reports: Path) -> None:
    limit_threads(home.params("training").run.threads_per_worker)
    from tasks.trend.steps import run_step  # after the threads were limited: it loads NumPy

    run_step(home, step, reports=reports)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks.trend",
        description="One step of a trend run; `corrtrack trend` runs them all. What is done already is kept.",
    )
    parser.add_argument("step", help="data, training, source-NAME, thresholds, corpus-NUMBER or results")
    parser.add_argument("home", type=Path, help="folder that `corrtrack trend` has laid out")
    parser.add_argument("--reports", type=Path, required=True, help="folder of the results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
