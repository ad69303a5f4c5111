"""`python -m tasks.demo_corpus`: writes the demo corpus, or the true flow of its validation videos."""

import argparse
import logging
import sys
from pathlib import Path

from tasks.demo_corpus.corpus import is_current, synthesise
from tasks.demo_corpus.flow import write_flow
from tasks.errors import InputError
from tasks.params.loading import load_params

_log = logging.getLogger("tasks.demo_corpus")
DONE, BAD_INPUT = 0, 2


def main(arguments: list[str] | None = None) -> int:
    """Writes what is asked for and returns the exit code: 0 done, 2 bad input."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    asked = _parser().parse_args(arguments)
    try:
        params = load_params(asked.params)
        corpus, seed = params.index.demo_corpus, params.run.seed if asked.seed is None else asked.seed
        if asked.flow is not None:
            write_flow(asked.flow, corpus, seed=seed)
        elif is_current(asked.root, corpus, seed):
            _log.info("%s holds this corpus already", asked.root)
        else:
            synthesise(asked.root, corpus, seed=seed)
    except (InputError, FileExistsError) as error:
        _log.error("%s", error)
        return BAD_INPUT
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks.demo_corpus",
        description="Synthesise the demo corpus: COCO keypoints and PoseTrack18 in their own layouts, with detections. "
        "Same numbers and seed, same bytes on one machine. A folder with other data is left alone.",
    )
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder to write (default: data)")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="sizes and rates: index.demo_corpus")
    parser.add_argument("--seed", type=int, help="another seed than run.seed of the params")
    parser.add_argument(
        "--flow", type=Path, metavar="DIR", help="write the true flow of the validation videos to DIR instead"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
