"""The official poseval next to ours, where a user has it."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Final

from tasks.errors import InputError

ABSENT: Final = (
    "poseval is not installed, so there is nothing to verify against; it is on no package registry: "
    "install it from its repository, leonid-pishchulin/poseval"
)
_FILES: Final = ("total_AP_metrics.json", "total_MOT_metrics.json")


def poseval_is_installed() -> bool:
    """Whether the official package can be imported."""
    return importlib.util.find_spec("poseval") is not None


def compare_with_poseval(truth: Path, predicted: Path, out: Path) -> list[str]:
    """Run the official tool on the same folders, into `out/official`, and print both answers line by line.

    Raises:
        InputError: poseval is installed but ends with an error.
    """
    if not poseval_is_installed():
        return [ABSENT]
    folder = out / "official"
    folder.mkdir(parents=True, exist_ok=True)
    sides = ["-g", f"{truth.resolve()}/", "-p", f"{predicted.resolve()}/"]  # it joins paths as text
    command = [sys.executable, "-m", "poseval.evaluate", *sides, "-e", "-t", "-o", f"{folder.resolve()}/"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        last = run.stderr.strip().splitlines()[-1:] or ["no message"]
        raise InputError(f"poseval ended with an error: {last[0]}")
    return [line for name in _FILES for line in _compare(out / name, folder / name)]


def _compare(ours: Path, official: Path) -> list[str]:
    if not ours.exists() or not official.exists():
        return [f"{ours.name}: ours {_presence(ours)}, official {_presence(official)}"]
    left, right = (json.loads(path.read_text()) for path in (ours, official))
    return [_line(key, left[key], right[key]) for key in left if key != "names"]


def _line(key: str, ours: list[float], official: list[float]) -> str:
    pairs = list(zip(ours, official, strict=True))
    worst = max((abs(a - b) for a, b in pairs if not (math.isnan(a) and math.isnan(b))), default=0.0)
    return f"{key}: total ours {ours[-1]:.6f}, official {official[-1]:.6f}, largest difference of a joint {worst:.2g}"


def _presence(path: Path) -> str:
    return "written" if path.exists() else "not written"
