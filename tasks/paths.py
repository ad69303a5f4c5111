"""Paths that a file of the corpus names: kept below their root."""

from pathlib import Path, PurePosixPath


def below(root: Path, name: object) -> Path:
    """The file called `name` in an annotation, below the folder `root`.

    Links that the user laid inside the corpus are followed; a name that climbs out of it is not.

    Raises:
        ValueError: the name is no text, empty, absolute, or leaves the root.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"expected a file name, got {name!r}")
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0] or not parts.parts:
        raise ValueError(f"expected a path that stays below {root.name}/, got {name!r}")
    return root / parts
