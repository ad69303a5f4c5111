"""How a Prefect server is started, and what its clients must find in their environment."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

from tasks.lasting_imports import lasting_imports

LOOPBACK: Final = "127.0.0.1"
"""Where every server listens, and nowhere else."""
_USERS_FOLDER: Final = "CORRTRACK_FOLDER"
"""The variable with the current folder of the process that serves a schedule, for those that it starts."""


def url_of(port: int) -> str:
    """Address of the API, for PREFECT_API_URL."""
    return f"http://{LOOPBACK}:{port}/api"


def server_arguments(port: int) -> list[str]:
    """Arguments of the program `prefect`."""
    return ["server", "start", "--host", LOOPBACK, "--port", str(port)]


def server_command(port: int) -> list[str]:
    """The command of a server that runs until it is ended."""
    return [sys.executable, "-m", "prefect", *server_arguments(port)]


def client_environment(home: Path, url: str) -> dict[str, str]:
    """What a client must find in its environment before it imports prefect."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_CLIENT_MAX_RETRIES": "1",  # five take a minute for each request to a server that has ended
        "DO_NOT_TRACK": "1",
    }


def server_environment(home: Path, url: str) -> dict[str, str]:
    """The environment of the server itself."""
    return client_environment(home, url) | {
        "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }


def import_settings(home: Path) -> None:
    """Import Prefect, with the settings of the environment alone.

    In the working folder it would read the user's own in `.env`, `prefect.toml` and `pyproject.toml`.
    """
    with lasting_imports(), contextlib.chdir(home):
        import prefect.settings  # noqa: F401 - what is imported decides


def serve_from(home: Path) -> None:
    """Work in `home` from now on, so that processes that Prefect starts import it there; they `return_to_users_folder`.

    Paths of the user's must be absolute by then.
    """
    import_settings(home)
    os.environ[_USERS_FOLDER] = str(Path.cwd())
    os.chdir(home)


def return_to_users_folder() -> None:
    """Work in the folder that the schedule was started in, where it told which and that is still there."""
    with contextlib.suppress(OSError):
        os.chdir(os.environ.get(_USERS_FOLDER, "."))
