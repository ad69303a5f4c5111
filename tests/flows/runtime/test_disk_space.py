"""Corpora that do not fit on the disk are refused before the long stages begin."""

import shutil

import pytest

from flows.runtime.disk_space import BYTES_OF_A_RUN, BYTES_PER_FRAME, expected_bytes, lack, require_space
from tasks.errors import MachineError
from tasks.tables import write_table
from tasks.tables.schemas import VIDEOS
from tasks.workspace import Workspace


@pytest.fixture
def corpus_of(tmp_path):
    """A workspace whose index has one video of so many frames."""

    def write(frames):
        workspace = Workspace.of_repository(tmp_path)
        row = {
            **{"video_id": "street", "split": "val", "source": None, "media": "street.mp4", "media_sha256": "0" * 64},
            **{"width": 64, "height": 48, "frame_count": frames, "labelled_frame_count": 0},
            **{"frames_per_second": 25.0, "tags": []},
        }
        write_table(VIDEOS, [row], VIDEOS.path(workspace.tables))
        return workspace

    return write


def test_a_corpus_that_fits_is_passed_without_a_word(corpus_of):
    sentences = []
    require_space(corpus_of(10), sentences.append)
    assert sentences == []


def test_a_corpus_beyond_the_disk_is_refused_with_disk_and_sizes(corpus_of, tmp_path):
    frames = 4 * shutil.disk_usage(tmp_path).total // BYTES_PER_FRAME
    with pytest.raises(MachineError, match=rf"^{tmp_path}: expected about \d+ GiB free on its disk"):
        require_space(corpus_of(frames), print)


def test_a_corpus_that_may_fit_is_reported_and_not_refused(corpus_of, tmp_path):
    sentences = []
    frames = int(1.5 * shutil.disk_usage(tmp_path).free) // BYTES_PER_FRAME
    require_space(corpus_of(frames), sentences.append)
    assert len(sentences) == 1
    assert sentences[0].startswith(f"{tmp_path}: expected about ")


def test_overlays_are_expected_to_be_as_large_as_their_videos(tmp_path):
    assert expected_bytes(3, 1000) == BYTES_OF_A_RUN + 3 * BYTES_PER_FRAME + 1000
    sentence = lack(tmp_path, 3, expected=300 << 20, free=20 << 20)
    assert sentence == f"{tmp_path}: expected about 300 MiB free on its disk for 3 frames, got 20 MiB"
