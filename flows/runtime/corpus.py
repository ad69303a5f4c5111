"""The input corpus: the demo corpus where there is none, and data.dvc kept true to what lies in data/."""

import sys
from pathlib import Path

from flows.runtime import dvc_program
from flows.runtime.process_runner import ProcessRunner, failure
from flows.runtime.repository import Repository
from tasks.errors import InputError
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.progress import Progress
from tasks.workspace import Workspace

_NAME = "demo_corpus"
_SHOWN = 3


def wants_demo_corpus(repository: Repository, params: Params) -> bool:
    """Whether data/ is absent or empty, or holds the demo corpus of other parameters than those of this run.

    Raises:
        InputError: files of the user's lie beside a demo corpus that must be made anew.
    """
    data = repository.workspace.data
    if not data.is_dir() or not any(data.iterdir()):
        return True
    from tasks.demo_corpus.corpus import foreign_files, is_current, is_demo

    if not is_demo(data) or is_current(data, params.index.demo_corpus, params.run.seed):
        return False
    if files := foreign_files(data):
        raise InputError(
            f"data/: expected the demo corpus alone, since other params or another version make it anew, found "
            f"{', '.join(files[:_SHOWN])} too; move your files away, or keep all as data of your own: delete "
            "data/demo_corpus.json"
        )
    return True


def make_demo_corpus(runner: ProcessRunner) -> None:
    """Synthesise the demo corpus into data/, in a process of its own, and report it.

    Raises:
        StageFailedError: it could not be made.
    """
    runner.view.report("data/: synthesising the demo corpus of params.yaml (index.demo_corpus)")
    with runner.view.shown(_NAME):
        code, output = runner.run(_NAME, [sys.executable, "-m", "flows.runtime.corpus"])
    if code != 0:
        raise failure(_NAME, output, code)


def record_corpus(runner: ProcessRunner) -> None:
    """Let DVC record in data.dvc what lies in data/, and report it when that differs from what stood there.

    Nothing is pulled: a corpus whose bytes differ from the committed ones is the corpus of this run.

    Raises:
        StageFailedError: DVC refused.
    """
    pointer = runner.repository.root / "data.dvc"
    before = pointer.read_text(encoding="utf-8") if pointer.is_file() else ""
    command = [*dvc_program.COMMAND, "add", "--quiet", "data"]
    code, output = runner.run("data", command)
    if code != 0:
        raise failure("data", output, code)
    if pointer.read_text(encoding="utf-8") != before:
        runner.view.report("data.dvc: updated, since the bytes in data/ are not those it named")


def main() -> int:
    """Synthesise the demo corpus of the repository in the working folder, with progress events."""
    from tasks.demo_corpus.corpus import synthesise

    params, workspace = load_params(Path("params.yaml")), Workspace.of_repository(Path.cwd())
    progress = Progress(workspace.state, _NAME)
    started: set[str] = set()

    def report(unit: str, done: int, total: int) -> None:
        if unit not in started:
            started.add(unit)
            progress.start(unit, total)
        progress.advance(done)

    synthesise(workspace.data, params.index.demo_corpus, seed=params.run.seed, report=report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
