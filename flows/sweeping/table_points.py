"""`python -m flows.sweeping.table_points FILE`: points of a sweep that only need stages over tables, in one process.

`dvc repro` takes seconds for each: it starts Python for every stage, and reads and writes the whole dvc.lock after it.
Here DVC's functions decide what is stale and keep the results, while the stages are called.
"""

import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.sweeping.experiments import Experiments
from flows.sweeping.points import Point
from tasks.errors import InputError
from tasks.exit_codes import exit_code_of
from tasks.params.edit import write_params
from tasks.params.loading import check_params
from tasks.params.sections import Params
from tasks.progress import Progress
from tasks.stage_run import run_stage
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from dvc.stage import PipelineStage

TABLE_STAGES: Final = ("track", "merge", "score")
"""Stages that take seconds, on Ray or not."""
NAME: Final = "points"
"""Of the program, in progress and errors."""
_HERE: Final = {"executor": "local"}
"""Stages run in this process; the section `compute` changes no result."""


def write_order(path: Path, experiments: Experiments, points: Sequence[Point]) -> None:
    """Write the file that the program reads: the points, the commit whose experiments they become, and who asks."""
    named = {point.name: {"text": point.text, "params": point.params.model_dump(mode="json")} for point in points}
    order = {"root": str(experiments.root), "baseline": experiments.baseline, "points": named}
    write_whole(path, json.dumps(order | {"parent": os.getpid()}))


def read_rejected(path: Path) -> dict[str, str]:
    """Why points of the order in the file `path` could not be run, by name, once the program is done."""
    rejected: dict[str, str] = json.loads(_rejected_file(path).read_text(encoding="utf-8"))
    return rejected


def _rejected_file(path: Path) -> Path:
    return path.with_suffix(".rejected.json")


def main(file: str) -> int:
    """Make every point of the order an experiment, in the checkout that is the current folder; the exit code.

    A point whose input is rejected is left out. Once the sweep that asks is gone, no further point is begun.
    """
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    return exit_code_of(NAME, partial(_run, Path(file)))


def _run(file: Path) -> None:
    from dvc.repo import Repo

    order, root = json.loads(file.read_text(encoding="utf-8")), Path.cwd()
    rejected: dict[str, str] = {}
    experiments = Experiments(Path(order["root"]), order["baseline"])
    progress, start = Progress(Workspace.of_repository(root).state, NAME), time.monotonic()
    progress.start("points", len(order["points"]))
    repo = Repo(str(root))
    stages = [repo.stage.load_one("dvc.yaml", name) for name in TABLE_STAGES]
    for number, (name, point) in enumerate(order["points"].items(), start=1):
        if os.getppid() != order["parent"]:
            raise KeyboardInterrupt
        write_params(root / "params.yaml", point["text"])
        params = check_params(point["params"] | {"compute": point["params"]["compute"] | _HERE}, name="params.yaml")
        try:
            with repo.lock:
                _update_all(stages, params)
            experiments.save(name, root)
        except InputError as error:
            rejected[name] = str(error)
        progress.advance(number, point=name)
    write_whole(_rejected_file(file), json.dumps(rejected))
    progress.end("done", time.monotonic() - start)


def _update_all(stages: Iterable["PipelineStage"], params: Params) -> None:
    """Bring the stages up to date, and dvc.lock, also where a later one rejects its input."""
    changed: list[PipelineStage] = []
    try:
        for stage in stages:
            if stage.changed():
                _update(stage, params)
                changed.append(stage)
    finally:
        _write_entries(Path.cwd() / "dvc.lock", changed)


def _update(stage: "PipelineStage", params: Params) -> None:
    stage.remove_outs()
    try:
        run_stage(stage.name, Workspace.of_repository(Path.cwd()), params)
    except InputError as error:
        raise InputError(f"{stage.name}: {error}") from error
    stage.save(run_cache=False)  # looking it up takes longer than these stages
    stage.commit()


def _write_entries(lock: Path, stages: Iterable["PipelineStage"]) -> None:
    """Put what DVC now knows of these stages into dvc.lock, whose other text stays as it is."""
    from dvc.stage.serialize import to_lockfile
    from dvc.utils.serialize import dumps_yaml

    text = lock.read_text(encoding="utf-8")
    for stage in stages:
        entry = dumps_yaml({"stages": to_lockfile(stage)}).removeprefix("stages:\n")
        before = re.search(rf"^  {stage.name}:\n(?:    .*\n)*", text, flags=re.MULTILINE)
        text = text.replace(before[0], entry) if before else text + entry
    write_whole(lock, text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
