"""Paths that a file of the corpus names: kept below their root."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

_LONGEST_NAME_BYTES: Final = 255
_LONGEST_PATH: Final = 1000


LONGEST_VIDEO_NAME_BYTES: Final = 180
"""Tables, exports and clips are named after their video, with endings of their own."""


def video_name_problem(name: str, taken: Mapping[str, str]) -> str | None:
    """Why a video cannot have this name, as one sentence; None where it can.

    Args:
        name: of the video, from its file's or folder's name; with the folders that it lies in, where those count.
        taken: sources by the names of the videos before it.
    """
    if name in taken:
        return f"expected a video name of its own, got that of {taken[name]}; rename one"
    if not name.isprintable() or "\\" in name:
        return "expected a video name of printable characters; rename it"
    if len(name) > _LONGEST_PATH:
        return f"expected a video name of at most {_LONGEST_PATH} characters, got {len(name)}; rename its folders"
    if (length := max(len(part.encode()) for part in name.split("/"))) > LONGEST_VIDEO_NAME_BYTES:
        return f"expected a video name of at most {LONGEST_VIDEO_NAME_BYTES} bytes, got {length}; rename it"
    return None


def below(root: Path, name: object) -> Path:
    """The file called `name` in an annotation, below the folder `root`.

    Links that the user laid inside the corpus are followed; a name that climbs out of it is not.

    Raises:
        ValueError: the name is no text, empty, not printable, too long, absolute, or leaves the root.
    """
    if not isinstance(name, str) or not name or not name.isprintable():
        raise ValueError(f"expected a file name, got {name!a}")
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or parts[0].endswith(":"):
        raise ValueError(f"expected a path that stays below {root.name}/, got {name!a}")
    if max(len(part.encode()) for part in parts) > _LONGEST_NAME_BYTES or len(name) > _LONGEST_PATH:
        raise ValueError(f"expected a file name, got one of {len(name)} characters")
    return root.joinpath(*parts)
