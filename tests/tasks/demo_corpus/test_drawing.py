"""Pictures that each core draws: the same bytes in the same order, errors told, no process left behind."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tasks.demo_corpus import corpus as corpus_module
from tasks.demo_corpus.corpus import synthesise
from tasks.demo_corpus.drawing import drawing
from tasks.demo_corpus.params import CorpusParams
from tests.tasks.demo_corpus.test_corpus import digests
from tests.waiting import until

many_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core draws by itself")
KILLED = """
import os, time
from pathlib import Path
from tasks.demo_corpus.drawing import drawing

def draw(number):
    (Path("{folder}") / str(os.getpid())).touch()
    time.sleep(60)

if __name__ == "__main__":
    with drawing(1000) as draw_all:
        list(draw_all(draw, range(8)))
"""


def test_each_core_draws_the_bytes_that_one_draws(
    tmp_path: Path, tiny: CorpusParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = tiny.model_copy(update={"coco_train_images": 3, "coco_val_images": 1, "frames_per_video": 3})
    reports: dict[str, list[tuple[str, int, int]]] = {"one": [], "each": []}
    for name, reported in reports.items():
        if name == "each":
            monkeypatch.setattr(corpus_module, "drawing", partial(drawing, worth_processes=0))
        synthesise(tmp_path / name, few, seed=3, report=lambda *values, to=reported: to.append(values))
    assert digests(tmp_path / "one") == digests(tmp_path / "each")
    assert reports["one"] == reports["each"]


@many_cores
def test_few_pictures_are_drawn_by_the_process_itself_and_many_by_others() -> None:
    for pictures, is_own in ((199, True), (200, False)):
        with drawing(pictures) as draw_all:
            drawers = set(draw_all(_process, range(6)))
        assert (drawers == {os.getpid()}) is is_own
        assert is_own or os.getpid() not in drawers


@pytest.mark.parametrize("pictures", [1, 1000])
def test_numbers_come_in_order_and_the_first_error_ends_the_drawing(pictures: int) -> None:
    with drawing(pictures) as draw_all:
        assert list(draw_all(_later_for_lower, range(6))) == list(range(6))
    with pytest.raises(OSError, match="no space for 3"), drawing(pictures) as draw_all:
        list(draw_all(_full_from_three, range(1000)))


@many_cores
def test_no_process_outlives_one_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(folder=tmp_path))
    asked = subprocess.Popen([sys.executable, str(script)], env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    until(lambda: len(_drawers(tmp_path)) >= 2)
    asked.send_signal(signal.SIGKILL)
    asked.wait()
    until(lambda: not any(Path(f"/proc/{number}").exists() for number in _drawers(tmp_path)))


def _process(_: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def _later_for_lower(number: int) -> int:
    time.sleep(0.02 * (6 - number))
    return number


def _full_from_three(number: int) -> int:
    if number >= 3:
        raise OSError(f"no space for {number}")
    return number


def _drawers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.isdigit()]
