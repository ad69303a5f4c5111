"""`python -m tasks.trend STEP HOME`: one step of a trend run, which `corrtrack trend` has laid out in HOME."""

import argparse
import logging
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from tasks.determinism import limit_threads
from tasks.errors import InputError
from tasks.trend.home import TrendHome

_LOG: Final = logging.getLogger("tasks")
DONE, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Do the step and return the exit code: 0 done, 1 failed, 2 bad input, 130 stopped."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    signal.signal(signal.SIGTERM, _stop)
    home = TrendHome(asked.home)
    try:
        limit_threads(home.params("training").run.threads_per_worker)
        from tasks.trend.steps import run_step  # after the threads were limited: it loads NumPy

        run_step(home, asked.step, reports=asked.reports)
    except InputError as error:
        return _say(f"{asked.step}: {error}", BAD_INPUT)
    except KeyboardInterrupt:
        return _say(f"{asked.step}: stopped; run it again to go on", STOPPED)
    except Exception as error:
        _LOG.exception("%s failed", asked.step)
        return _say(f"{asked.step}: failed with {type(error).__name__}: {error}", FAILED)
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks.trend",
        description="One step of a trend run; `corrtrack trend` runs them all. What is done already is kept.",
    )
    parser.add_argument("step", help="data, training, source-NAME, thresholds, corpus-NUMBER or results")
    parser.add_argument("home", type=Path, help="folder that `corrtrack trend` has laid out")
    parser.add_argument("--reports", type=Path, required=True, help="folder of the results")
    return parser


def _say(sentence: str, code: int) -> int:
    _LOG.error(sentence)
    return code


def _stop(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
