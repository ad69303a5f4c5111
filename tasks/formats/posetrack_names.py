"""Names of pictures in PoseTrack18 files, which hold the video's official id, and names that do not."""

import re
from collections.abc import Sequence
from typing import Any, Final

from tasks.formats.errors import FormatError, shown

SOURCES: Final = ("mpii", "bonn", "mpiinew")
"""Second part of a video's name, in the order of the official image ids (1, 2, 3)."""
_FRAME_LIMIT: Final = 10_000


def video_token(source: str, file_name: Any) -> str:
    """First token of the directory in an image's file_name, after the checks of the official id scheme.

    Raises:
        FormatError: not like ".../000001_mpii_test/000000.jpg".
    """
    expected = "a name like images/val/000342_mpii_test/000000.jpg (mpii, bonn or mpiinew)"
    where = "field images, file_name"
    if not isinstance(file_name, str):
        raise FormatError(source, where, expected, shown(file_name))
    path, _, name = file_name.rpartition("/")
    tokens = path.rpartition("/")[2].split("_")
    frame = name.split(".")[0]
    well_formed = len(tokens) > 1 and _is_whole(tokens[0]) and tokens[1] in SOURCES and _is_whole(frame)
    if not well_formed or not 0 <= int(frame) < _FRAME_LIMIT:
        raise FormatError(source, where, expected, shown(file_name))
    return tokens[0]


def is_one_foreign_video(names: Sequence[Any]) -> bool:
    """Whether the frames lie in a single folder and none has a name of the official scheme: a video of another corpus.

    The official conversion needs the names only to separate videos, so all frames are the first video then.
    """
    texts = [name for name in names if isinstance(name, str) and name]
    folders = {name.rpartition("/")[0] for name in texts}
    return len(texts) == len(names) and len(folders) == 1 and not any(map(_is_official, texts))


def _is_official(name: str) -> bool:
    try:
        video_token("", name)
    except FormatError:
        return False
    return True


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?\d(?:_?\d){0,18}\s*", text) is not None
