"""The input corpus: the demo corpus where there is none, and data.dvc kept true to what lies in data/."""

import re
import sys
from pathlib import Path

from flows.runtime.repository import Repository
from flows.runtime.stage_runs import Watcher, failure
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.progress import Progress
from tasks.workspace import Workspace

_NAME = "demo_corpus"


def wants_demo_corpus(repository: Repository, params: Params) -> bool:
    """Whether data/ is absent or empty, or holds the demo corpus of other parameters than those of this run."""
    data = repository.workspace.data
    if not data.is_dir() or not any(data.iterdir()):
        return True
    from tasks.demo_corpus.corpus import is_current, is_demo

    return is_demo(data) and not is_current(data, params.index.demo_corpus, params.run.seed)


def make_demo_corpus(watcher: Watcher) -> None:
    """Synthesise the demo corpus into data/, in a process of its own, and say so.

    Raises:
        StageFailedError: it could not be made.
    """
    watcher.view.say("data/: synthesising the demo corpus of params.yaml (index.demo_corpus)")
    with watcher.view.shown(_NAME):
        code, output = watcher.run(_NAME, [sys.executable, "-m", "flows.runtime.corpus"])
    if code != 0:
        raise failure(_NAME, output)


def record_corpus(watcher: Watcher) -> None:
    """Let DVC write what lies in data/ into data.dvc, and say so when that differs from what stood there.

    Nothing is pulled: a corpus whose bytes differ from the committed ones is the corpus of this run.

    Raises:
        StageFailedError: DVC refused.
    """
    pointer = watcher.repository.root / "data.dvc"
    before = pointer.read_text(encoding="utf-8") if pointer.is_file() else ""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "add", "--quiet", "data"]
    code, output = watcher.run("data", command)
    if code != 0:
        raise failure("data", output)
    if pointer.read_text(encoding="utf-8") != before:
        watcher.view.say("data.dvc: updated, since the bytes in data/ are not those it named")


def main() -> int:
    """Synthesise the demo corpus of the repository in the working folder, with progress events."""
    from tasks.demo_corpus.corpus import synthesise

    params, workspace = load_params(Path("params.yaml")), Workspace.of_repository(Path.cwd())
    progress = Progress(workspace.state, _NAME)
    unit = ""

    def say(line: str) -> None:
        nonlocal unit
        counted = re.match(r"(?P<unit>.+): (?P<done>\d+) of (?P<total>\d+)", line)
        if counted is None:
            return
        if counted["unit"] != unit:
            unit = counted["unit"]
            progress.start(unit, int(counted["total"]))
        progress.advance(int(counted["done"]))

    synthesise(workspace.data, params.index.demo_corpus, seed=params.run.seed, say=say)
    return 0


if __name__ == "__main__":
    sys.exit(main())
