"""Where the repository lies, and in which environment its programs run."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InputError
from tasks.workspace import Workspace


@dataclass(frozen=True)
class Repository:
    """A checkout of this project; `root` is the folder that holds dvc.yaml.

    `own_state` is where a run keeps its working state if not in the checkout's `.corrtrack`.
    """

    root: Path
    own_state: Path | None = None

    @property
    def params(self) -> Path:
        """Every number of the run."""
        return self.root / "params.yaml"

    @property
    def profiles(self) -> Path:
        """Alternatives to params.yaml, each only what differs."""
        return self.root / "profiles"

    @property
    def workspace(self) -> Workspace:
        """Folders that the stages read and write."""
        return Workspace.of_repository(self.root)

    @property
    def state(self) -> Path:
        """Working state, not in git: logs, locks, the servers' files."""
        return self.own_state or self.root / ".corrtrack"

    def environment(self) -> dict[str, str]:
        """Environment of every program that is started here: this Python first on PATH, nothing sent home."""
        programs = Path(sys.executable).parent
        return os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
            "DO_NOT_TRACK": "1",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.root / ".corrtrack" / "dvc"),
        }


def find_repository(start: Path | None = None) -> Repository:
    """The checkout that holds `start` (default: the current folder).

    Raises:
        InputError: neither `start` nor a folder above it holds dvc.yaml and params.yaml.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file():
            return Repository(folder)
    raise InputError(f"{here}: expected a checkout with dvc.yaml and params.yaml here or above; change into one")
