"""Pictures of the corpus, each read and decoded once: whole, how large, and which bytes."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from tasks.determinism import usable_cores
from tasks.errors import raise_machine_fault
from tasks.formats.decoded_files import DecodedFiles, current
from tasks.frames import decode_picture

PICTURE_ENDINGS = frozenset(
    f".{ending}"
    for ending in ["jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "webp", "tif", "tiff", "ppm", "pgm", "pnm", "jp2"]
)
_CHUNK = 256
_MAY_HOLD_SEVERAL = (b"II", b"MM", b"RIFF", b"\x89PNG")
"""How files begin that may hold several pictures: TIFF, WebP, PNG."""
_HEAD = 4096
"""EXIF stands at the beginning of a file."""


@dataclass(frozen=True)
class PictureFile:
    """A picture that decodes."""

    width: int
    height: int
    sha256: str
    is_turned: bool = False
    """Whether its EXIF orientation exchanges width and height."""


def check_picture(path: Path) -> PictureFile | str:
    """The picture, or why it cannot be used."""
    try:
        data = path.read_bytes()
        height, width = decode_picture(data).shape[:2]
        stored = decode_picture(data, as_stored=True).shape[:2] if b"Exif" in data[:_HEAD] else (height, width)
        if (count := _pictures_like_the_first(path, data, (height, width))) > 1:
            return f"{path.name}: expected one picture, got {count} in one file; save each in a file of its own"
    except OSError as error:
        raise_machine_fault(error)
        return f"expected the picture {path.name}, got {error.strerror or error}"
    except ValueError as error:
        return f"{path.name}: {error}"
    return PictureFile(width, height, hashlib.sha256(data).hexdigest(), is_turned=stored != (height, width))


def _pictures_like_the_first(path: Path, data: bytes, shape: tuple[int, ...]) -> int:
    """How many pictures of one size a file holds, as a stack or an animation does; its thumbnails do not count."""
    if not data.startswith(_MAY_HOLD_SEVERAL) or cv2.imcount(str(path)) < 2:
        return 1
    _, pictures = cv2.imreadmulti(str(path), flags=cv2.IMREAD_COLOR)
    return sum(picture.shape[:2] == shape for picture in pictures)


def _check_once(decoded: DecodedFiles | None, path: Path) -> PictureFile | str:
    """`check_picture`, or what it gave for the same bytes before; a broken one is tried again, its reason names it."""
    if decoded is None:
        return check_picture(path)

    def check() -> dict[str, Any] | None:
        picture = check_picture(path)
        return None if isinstance(picture, str) else asdict(picture)

    try:
        _, fields = decoded.of(path, "picture", check)
    except OSError:
        fields = None
    return check_picture(path) if fields is None else PictureFile(**fields)


def check_pictures(paths: Iterable[Path]) -> Iterator[PictureFile | str]:
    """`check_picture` of each path, in order, on all cores; a few hundred pictures at a time are under way."""
    waiting, check = list(paths), partial(_check_once, current())
    with ThreadPoolExecutor(usable_cores()) as threads:
        for start in range(0, len(waiting), _CHUNK):
            yield from threads.map(check, waiting[start : start + _CHUNK])
