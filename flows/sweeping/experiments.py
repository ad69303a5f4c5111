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
    """The experiments of a commit.

    Args:
        root: the checkout whose repository holds them.
        baseline: the commit, whose children they are.
    """

    def __init__(self, root: Path, baseline: str) -> None:
        self.root, self.baseline = root, baseline

    @classmethod
    def of_checkout(cls, repository: Repository) -> "Experiments":
        """Those of the commit that a checkout is at.

        Raises:
            InputError: it is no git repository, differs from its last commit, or that commit has no finished run.
        """
        root = repository.root
        experiments = cls(root, _git(root, "rev-parse", "--verify", "--quiet", "HEAD", check=False))
        if not experiments.baseline or _git(root, "rev-parse", "--show-prefix"):
            raise InputError(f"{root}: expected the top folder of a git repository with a commit, got none")
        changed = [line[3:] for line in _git(root, "status", "--porcelain", "--untracked-files=no").splitlines()]
        if changed:
            more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            raise InputError(
                f"{root}: expected no changes since the last commit, which experiments start from, got changes of "
                f"{', '.join(changed[:_SHOWN])}{more}; commit them, or discard them with `git checkout`"
            )
        for name in _NEEDED:
            if experiments._at(experiments.baseline, name) is None:
                raise InputError(
                    f"{root}: expected {name} of a finished run in the last commit, got none; "
                    "run `corrtrack reproduce` and commit what it wrote"
                )
        return experiments

    def find(self, point: Point) -> str | None:
        """The ref of a point's experiment, if it is there.

        Raises:
            InputError: an experiment of that name has other params.
        """
        ref = self._ref(point.name)
        if not _git(self.root, "rev-parse", "--verify", "--quiet", ref, check=False):
            return None
        if self._at(ref, "params.yaml") != point.text:
            raise InputError(
                f"{point.name}: expected no experiment or one of these params under this name, got other params; "
                f"remove it with `dvc exp remove {point.name}`"
            )
        return ref

    def save(self, name: str, folder: Path) -> str:
        """Commit the tracked files of `folder`, a checkout of the baseline, as the experiment `name`; its ref.

        Neither the branch nor the index nor the files of the user's checkout are touched. The present params get no
        experiment where nothing in `folder` differs from the baseline, which is the ref then.
        """
        with tempfile.TemporaryDirectory() as temporary:
            index = {"GIT_INDEX_FILE": str(Path(temporary) / "index")}
            _git(self.root, "read-tree", self.baseline, environment=index)
            _git(self.root, "--work-tree", str(folder), "add", "--update", environment=index)
            tree = _git(self.root, "write-tree", environment=index)
        if name == PRESENT and tree == _git(self.root, "rev-parse", f"{self.baseline}^{{tree}}"):
            return self.baseline
        message = f"corrtrack sweep: {name}"
        commit = _git(self.root, "commit-tree", "-p", self.baseline, "-m", message, tree, environment=_IDENTITY)
        _git(self.root, "update-ref", self._ref(name), commit)
        return self._ref(name)

    def _ref(self, name: str) -> str:
        return f"refs/exps/{self.baseline[:2]}/{self.baseline[2:]}/{name}"

    def _at(self, revision: str, file: str) -> str | None:
        command = ["git", "show", f"{revision}:./{file}"]
        shown = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        return shown.stdout if shown.returncode == 0 else None


def _git(root: Path, *arguments: str, environment: Mapping[str, str] | None = None, check: bool = True) -> str:
    ran = subprocess.run(
        ["git", *arguments],
        cwd=root,
        env=os.environ | dict(environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if check and ran.returncode != 0:
        raise RuntimeError(f"git {arguments[0]}: {ran.stderr.strip() or ran.stdout.strip()}")
    return ran.stdout.rstrip("\n")
