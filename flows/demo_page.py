"""`make docs`: a copy of the demo's page in docs/demo, with the picture and the clip that README shows."""

import base64
import logging
import re
import shutil
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import av
from PIL import Image

from flows.runtime.repository import find_repository
from tasks.errors import InputError
from tasks.whole_files import whole_file

_LOG: Final = logging.getLogger(__name__)
_REFERENCE: Final = re.compile(r'(?:src|poster|href)="(?!data:|#)([^"]+)"')
_PICTURE: Final = re.compile(r'<img src="data:image/jpeg;base64,([^"]+)"')
_LARGEST: Final = 3_000_000
"""Bytes of the whole folder: what may be committed."""
_QUALITY: Final = 60


def copy_page(reports: Path, folder: Path) -> int:
    """Copy the page below `reports` and the files that it names into `folder`; return their bytes.

    `folder` is emptied first: nothing else belongs there.

    Raises:
        InputError: there is no page, a file that it names is absent, or all of them exceed 3 MB.
    """
    page = reports / "index.html"
    if not page.is_file():
        raise InputError(f"{page}: expected the page of a finished run, found none; run 'make demo' first")
    text = page.read_text(encoding="utf-8")
    names = sorted({unquote(unescape(name)) for name in _REFERENCE.findall(text)})
    absent = [name for name in names if not (reports / name).is_file()]
    if absent:
        raise InputError(
            f"{page}: expected the files that it names, found no {', '.join(absent)}; run 'make demo' again"
        )
    size = sum((reports / name).stat().st_size for name in ("index.html", *names))
    if size > _LARGEST:
        raise InputError(f"{page}: expected a page of at most {_LARGEST:,} bytes with its clips, got {size:,}")
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("index.html", *names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(reports / name, folder / name)
    return size


def write_pictures(folder: Path) -> list[Path]:
    """Write picture.jpg, the first picture of the page in `folder`, and clip.webp, the clip at its top; return them."""
    text = (folder / "index.html").read_text(encoding="utf-8")
    written = []
    if picture := _PICTURE.search(text):
        written.append(folder / "picture.jpg")
        with whole_file(written[-1]) as partial:
            partial.write_bytes(base64.b64decode(picture[1]))
    if clip := next((name for name in _REFERENCE.findall(text) if name.endswith(".mp4")), None):
        written.append(folder / "clip.webp")
        _write_animation(folder / unquote(unescape(clip)), written[-1])
    return written


def _write_animation(clip: Path, path: Path) -> None:
    """The frames of a clip as a picture that moves, which a README can show."""
    first, *others = list(_frames(clip))
    with av.open(str(clip)) as container:
        rate = float(container.streams.video[0].average_rate or 12)
    with whole_file(path) as partial:
        options = {"append_images": others, "duration": round(1000 / rate), "loop": 0, "quality": _QUALITY}
        first.save(partial, format="WEBP", save_all=True, **options)


def _frames(clip: Path) -> Iterator[Image.Image]:
    with av.open(str(clip)) as container:
        yield from (Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0))


def main() -> int:
    """Write docs/demo of this checkout; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    root = find_repository().root
    folder = root / "docs" / "demo"
    try:
        size = copy_page(root / "reports", folder)
    except InputError as error:
        _LOG.error("%s", error)
        return 2
    written = write_pictures(folder)
    _LOG.info(
        "docs/demo: a page of %.2f MB with its clips, and %s", size / 1e6, ", ".join(path.name for path in written)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
