"""Where the packages of the pipeline lie, in a checkout and in an installed package."""

from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).resolve().parent
PIPELINE_FOLDER: Final = next(path for path in (_HERE / "_pipeline", _HERE.parent) if (path / "flows").is_dir())
"""Holds `flows`, `tasks` and `models`. It is in `sys.path` of the pipeline's processes only, so that modules of these
names in a user's program stay what they are."""
