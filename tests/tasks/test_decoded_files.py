"""What was decoded once is not decoded again while its bytes are the same, and only then."""

import os
import time

import pytest

from tasks.formats.decoded_files import DecodedFiles, forget_decoded


class Decoder:
    """Counts how often it had to work."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, int]:
        self.calls += 1
        return {"frames": self.calls}


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "street.mp4"
    path.write_bytes(b"frames")
    return path


def test_equal_bytes_are_decoded_once_whatever_the_name_and_run(tmp_path, video):
    decoder = Decoder()
    digest, first = DecodedFiles(tmp_path / "decoded", "code").of(video, "video", decoder)
    copy = video.rename(tmp_path / "renamed.mp4")
    assert DecodedFiles(tmp_path / "decoded", "code").of(copy, "video", decoder) == (digest, first)
    assert decoder.calls == 1


@pytest.mark.parametrize("change", ["bytes", "code", "kind", "forget"])
def test_it_is_decoded_again_after_a_change(tmp_path, video, change):
    decoder = Decoder()
    digest, _ = DecodedFiles(tmp_path / "decoded", "code").of(video, "video", decoder)
    if change == "bytes":
        video.write_bytes(b"others")
    if change == "forget":
        forget_decoded(tmp_path / "decoded", {digest})
    files = DecodedFiles(tmp_path / "decoded", "new" if change == "code" else "code")
    assert files.of(video, "picture" if change == "kind" else "video", decoder)[1] == {"frames": 2}


def test_what_cannot_be_decoded_for_now_is_tried_each_time(tmp_path, video):
    files, decoder = DecodedFiles(tmp_path / "decoded", "code"), Decoder()
    assert files.of(video, "video", lambda: None)[1] is None
    assert files.of(video, "video", decoder)[1] == {"frames": 1}


def test_a_file_that_changes_while_it_is_decoded_is_not_remembered(tmp_path, video):
    files, decoder = DecodedFiles(tmp_path / "decoded", "code"), Decoder()

    def decode_during_a_copy():
        video.write_bytes(b"frames and more")
        return decoder()

    files.of(video, "video", decode_during_a_copy)
    video.write_bytes(b"frames")
    assert files.of(video, "video", decoder)[1] == {"frames": 2}


def test_an_unchanged_file_is_not_even_read(tmp_path, video):
    long_ago = time.time() - 60
    os.utime(video, (long_ago, long_ago))
    files = DecodedFiles(tmp_path / "decoded", "code")
    files.digest(video)
    assert "stamp" not in (tmp_path / "decoded").read_text(), "a change of this very second cannot be distinguished"
    time.sleep(2.1)
    digest = files.digest(video)
    assert "stamp" in (tmp_path / "decoded").read_text()
    assert DecodedFiles(tmp_path / "decoded", "code").digest(video) == digest


def test_a_line_that_was_cut_off_costs_itself_alone(tmp_path, video):
    decoder = Decoder()
    DecodedFiles(tmp_path / "decoded", "code").of(video, "video", decoder)
    with (tmp_path / "decoded").open("a") as file:
        file.write('{"of": "video 12')
    files = DecodedFiles(tmp_path / "decoded", "code")
    assert files.of(video, "video", decoder)[1] == {"frames": 1}
    files.of(video, "picture", decoder)
    assert DecodedFiles(tmp_path / "decoded", "code").of(video, "picture", decoder)[1] == {"frames": 2}
