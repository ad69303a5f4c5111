"""DVC experiments, written as DVC writes them: commits on top of HEAD, under refs/exps.

`dvc exp save` would not do: it records every stage as run by the present params, also those that were not run.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from flows.runtime.repository import Repository
from flows.sweeping.points import PRESENT, Point
from tasks.errors import InputError

_IDENTITY: Final = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "corrtrack"), ("EMAIL", "corrtrack@localhost"))
}
_NEEDED: Final = ("dvc.lock", "data.dvc", "params.yaml")
_SHOWN: Final = 3


class Experiments:
    """The experiments of the commit that a checkout is at.

    Raises:
        InputError: the checkout is no git repository, differs from its last commit, or that commit has no finished run.
    """

    def __init__(self, repository: Repository) -> None:
        self.root = repository.root
        self.baseline = self._git("rev-parse", "--verify", "--quiet", "HEAD", check=False)
        """The commit whose children the experiments are."""
        if not self.baseline or self._git("rev-parse", "--show-prefix"):
            raise InputError(f"{self.root}: expected the top folder of a git repository with a commit, got none")
        changed = [line[3:] for line in self._git("status", "--porcelain", "--untracked-files=no").splitlines()]
        if changed:
            more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            raise InputError(
                f"{self.root}: expected no changes since the last commit, which experiments start from, got changes of "
                f"{', '.join(changed[:_SHOWN])}{more}; commit them, or discard them with `git checkout`"
            )
        for name in _NEEDED:
            if self._at(self.baseline, name) is None:
                raise InputError(
                    f"{self.root}: expected {name} of a finished run in the last commit, got none; "
                    "run `corrtrack reproduce` and commit what it wrote"
                )

    def find(self, point: Point) -> str | None:
        """The ref of a point's experiment, if it is there.

        Raises:
            InputError: an experiment of that name has other params.
        """
        ref = self._ref(point.name)
        if not self._git("rev-parse", "--verify", "--quiet", ref, check=False):
            return None
        if self._at(ref, "params.yaml") != point.text:
            raise InputError(
                f"{point.name}: expected no experiment or one of these params under this name, got other params; "
                f"remove it with `dvc exp remove {point.name}`"
            )
        return ref

    def save(self, point: Point, folder: Path) -> str:
        """Commit the tracked files of `folder`, a checkout of the baseline, as the experiment of `point`; its ref.

        Neither the branch nor the index nor the files of the user's checkout are touched. The present params get no
        experiment where nothing in `folder` differs from the baseline, which is the ref then.
        """
        with tempfile.TemporaryDirectory() as temporary:
            index = {"GIT_INDEX_FILE": str(Path(temporary) / "index")}
            self._git("read-tree", self.baseline, environment=index)
            self._git("--work-tree", str(folder), "add", "--update", environment=index)
            tree = self._git("write-tree", environment=index)
        if point.name == PRESENT and tree == self._git("rev-parse", f"{self.baseline}^{{tree}}"):
            return self.baseline
        message = f"corrtrack sweep: {point.name}"
        commit = self._git("commit-tree", "-p", self.baseline, "-m", message, tree, environment=_IDENTITY)
        self._git("update-ref", self._ref(point.name), commit)
        return self._ref(point.name)

    def _ref(self, name: str) -> str:
        return f"refs/exps/{self.baseline[:2]}/{self.baseline[2:]}/{name}"

    def _at(self, revision: str, file: str) -> str | None:
        command = ["git", "show", f"{revision}:./{file}"]
        shown = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        return shown.stdout if shown.returncode == 0 else None

    def _git(self, *arguments: str, environment: Mapping[str, str] | None = None, check: bool = True) -> str:
        ran = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=os.environ | dict(environment or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and ran.returncode != 0:
            raise RuntimeError(f"git {arguments[0]}: {ran.stderr.strip() or ran.stdout.strip()}")
        return ran.stdout.rstrip("\n")
