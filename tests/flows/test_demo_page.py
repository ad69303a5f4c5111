"""The copy of the demo's page holds every file that the page names, and nothing too large to commit."""

import base64
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from flows.demo_page import copy_page, write_pictures
from tasks.errors import InputError
from tasks.reporting.clips import write_clip

PIXEL = base64.b64encode(b"a picture").decode()


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A page with a clip of three frames, whose name needs escaping, and a picture."""
    folder = tmp_path / "reports"
    pictures = [np.full((32, 48, 3), shade, dtype=np.uint8) for shade in (0, 128, 255)]
    write_clip(pictures, folder / "clips" / "a &b.mp4", frames_per_second=10)
    (folder / "index.html").write_text(
        f'<a href="#top">x</a><video src="clips/a%20%26b.mp4" poster="clips/a%20%26b.jpg"></video>'
        f'<a href="data:text/plain,x">y</a><img src="data:image/jpeg;base64,{PIXEL}" alt="">'
    )
    return folder


def test_the_copy_has_what_the_page_names_and_no_more(reports: Path, tmp_path: Path) -> None:
    folder = tmp_path / "docs/demo"
    folder.mkdir(parents=True)
    (folder / "of_before.jpg").touch()
    size = copy_page(reports, folder)
    copied = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert copied == ["clips/a &b.jpg", "clips/a &b.mp4", "index.html"]
    assert size == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_picture_and_the_clip_are_those_of_the_page(reports: Path, tmp_path: Path) -> None:
    copy_page(reports, tmp_path / "demo")
    assert [path.name for path in write_pictures(tmp_path / "demo")] == ["picture.jpg", "clip.webp"]
    assert (tmp_path / "demo/picture.jpg").read_bytes() == b"a picture"
    with Image.open(tmp_path / "demo/clip.webp") as moving:
        assert (moving.n_frames, moving.size) == (3, (48, 32))
    with av.open(str(tmp_path / "demo/clips/a &b.mp4")) as container:
        assert container.streams.video[0].frames == 3


def test_a_page_that_lacks_a_file_or_is_too_large_is_refused(reports: Path, tmp_path: Path) -> None:
    (reports / "clips/a &b.jpg").write_bytes(bytes(3_000_001))
    with pytest.raises(InputError, match=r"at most 3,000,000 bytes with its clips, got 3,0"):
        copy_page(reports, tmp_path / "demo")
    (reports / "clips/a &b.jpg").unlink()
    with pytest.raises(InputError, match=r"found no clips/a &b\.jpg; run 'make demo' again"):
        copy_page(reports, tmp_path / "demo")
    (reports / "index.html").unlink()
    with pytest.raises(InputError, match="run 'make demo' first"):
        copy_page(reports, tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
