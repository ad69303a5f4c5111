"""The checkout, and the environment in which its programs run."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.code_files import REPOSITORY
from tasks.errors import InputError
from tasks.workspace import Workspace

_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "ws_proxy", "wss_proxy"})
_CERTIFICATES: Final = frozenset({"ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle", "curl_ca_bundle"})
_RAY: Final = ("RAY_", "CORRTRACK_RAY_")


@dataclass(frozen=True)
class Repository:
    """A checkout of this project, whose `root` holds dvc.yaml, or the folder of an installed package.

    `own_state` is where a run keeps its working state if not in the checkout's `.corrtrack`.
    """

    root: Path
    own_state: Path | None = None

    @property
    def is_installed(self) -> bool:
        """Whether it is the folder of an installed package, which has no data, no DVC and no `make`."""
        return self.root == REPOSITORY and not (REPOSITORY / "dvc.yaml").is_file()

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
        return self.own_state or self.shared_state

    @property
    def shared_state(self) -> Path:
        """Working state that all runs of the checkout share; an installed package has it in the user's cache."""
        if self.is_installed:
            return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "corrtrack" / "state"
        return self.root / ".corrtrack"

    def environment(self) -> dict[str, str]:
        """Environment of every program that is started here: this Python first on PATH, no usage statistics."""
        programs = Path(sys.executable).parent
        return private_environment(os.environ, keep_ray=True) | {
            "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
            "DO_NOT_TRACK": "1",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.shared_state / "dvc"),
        }


def private_environment(variables: Mapping[str, str], *, keep_ray: bool = False) -> dict[str, str]:
    """`variables` without those that would direct the run's own servers, or its connection to them, elsewhere.

    These are Prefect's, proxies and certificates (nothing but loopback is asked, and a file of certificates that is not
    there ends every client), and Ray's unless `keep_ray`: a cluster of the user's may need them.
    """
    foreign = ("PREFECT_",) if keep_ray else ("PREFECT_", *_RAY)
    return {
        name: value
        for name, value in variables.items()
        if not name.upper().startswith(foreign) and name.lower() not in _PROXIES | _CERTIFICATES
    }


def make_private(*, keep_ray: bool) -> None:
    """Leave only the private environment to this process, which is a client of the run's servers itself."""
    variables = private_environment(os.environ, keep_ray=keep_ray)
    for name in set(os.environ) - set(variables):
        del os.environ[name]


def find_repository(start: Path | None = None) -> Repository:
    """The checkout that holds `start` (default: the current folder).

    Raises:
        InputError: neither `start` nor a folder above it holds dvc.yaml and params.yaml.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file():
            return Repository(folder)
    raise InputError(
        f"{here}: expected a checkout of corrtrack, with dvc.yaml and params.yaml, here or above; this command works "
        "on what a checkout holds, so clone the project and change into it"
    )


def nearest_repository() -> Repository:
    """The checkout that holds the current folder, else the checkout or installed package that this code runs from.

    For commands that only read params and weights of it, so that they work in any folder.
    """
    try:
        return find_repository()
    except InputError:
        return Repository(REPOSITORY)
