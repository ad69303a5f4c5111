"""The cache of a node: each entry made once for all workers, the last used kept, nothing deleted that is in use."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.errors import InputError
from tasks.shards.node_cache import NodeCache

LETTERS = "abcdef"


@dataclass(frozen=True)
class Letter:
    """A file of 100 bytes; notes each making, which takes a moment."""

    key: str
    notes: Path
    size: int = 100

    def fill(self, folder: Path) -> None:
        (folder / "begun").touch()
        with self.notes.open("a") as notes:
            notes.write(self.key)
        time.sleep(0.05)
        (folder / "begun").unlink()
        (folder / "letter").write_bytes(self.key.encode() * self.size)

    def is_whole(self, folder: Path) -> bool:
        return (folder / "letter").read_bytes() == self.key.encode() * self.size


class Broken(Letter):
    """One that cannot be made."""

    def fill(self, folder: Path) -> None:
        (folder / "letter").write_bytes(b"half")
        raise ValueError("broken off")


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes"
    path.touch()
    return path


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def opened(folder: Path, max_bytes: float | None = None) -> NodeCache:
    cache = NodeCache(str(folder), max_bytes)
    cache.open()
    return cache


def entries(folder: Path) -> set[str]:
    return {path.name for path in (folder / "entries").iterdir() if path.is_dir()}


def use(cache: NodeCache, letter: Letter) -> bytes:
    with cache.hold(letter) as entry:
        return (entry / "letter").read_bytes()


def test_workers_that_need_the_same_make_it_once(folder, notes):
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(lambda _: use(opened(folder), Letter("a", notes)), range(16)))
    assert set(contents) == {b"a" * 100}
    assert notes.read_text() == "a"


def test_the_least_recently_used_makes_room_for_what_comes(folder, notes):
    cache = opened(folder, 300)
    for key in "abcadce":
        use(cache, Letter(key, notes))
    assert entries(folder) == {"c", "d", "e"}
    assert notes.read_text() == "abcde"
    use(cache, Letter("a", notes))
    assert entries(folder) == {"c", "e", "a"}


def test_what_a_worker_uses_stays_whatever_the_limit(folder, notes):
    mine, other = opened(folder, 200), opened(folder, 200)
    with ExitStack() as held:
        for key in "abc":
            held.enter_context(mine.hold(Letter(key, notes)))
        for key in "de":
            use(other, Letter(key, notes))
        assert {"a", "b", "c"} < entries(folder)
    use(other, Letter("f", notes))
    assert len(entries(folder)) == 2


def test_without_a_limit_all_stays(folder, notes):
    for key in LETTERS:
        use(opened(folder), Letter(key, notes))
    assert entries(folder) == set(LETTERS)


def test_what_is_damaged_is_made_again(folder, notes):
    use(opened(folder), Letter("a", notes))
    (folder / "entries/a/letter").write_bytes(b"other")
    assert use(opened(folder), Letter("a", notes)) == b"a" * 100


def test_what_cannot_be_made_leaves_nothing_behind(folder, notes):
    with pytest.raises(ValueError, match="broken off"):
        use(opened(folder), Broken("a", notes))
    assert [path.name for path in (folder / "entries").iterdir() if path.name != ".lock"] == []


HOLDER = """
import signal, sys
from pathlib import Path
from tests.tasks.test_node_cache import Letter, opened

cache, letter = opened(Path(sys.argv[1]), 100), Letter("a", Path(sys.argv[2]))
with cache.worker_folder() as folder, cache.hold(letter):
    print(folder.name, flush=True)
    signal.pause()
"""


def test_a_killed_worker_holds_nothing(folder, notes):
    command = [sys.executable, "-c", HOLDER, str(folder), str(notes)]
    cache = opened(folder, 100)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as holder:
        assert holder.stdout.readline() == "0\n"
        use(cache, Letter("b", notes))
        assert "a" in entries(folder)
        with cache.worker_folder() as mine:
            assert mine.name == "1"
        holder.send_signal(signal.SIGKILL)
    use(cache, Letter("c", notes))
    assert entries(folder) == {"c"}
    with cache.worker_folder() as mine:
        assert mine.name == "0"


def test_what_a_killed_worker_began_is_begun_anew(folder, notes):
    cache = opened(folder)
    (folder / "entries/.a.partial").mkdir()
    (folder / "entries/.a.partial/begun").touch()
    assert use(cache, Letter("a", notes)) == b"a" * 100
    assert [path.name for path in (folder / "entries/a").iterdir()] == ["letter"]


def test_a_worker_finds_its_folder_empty(folder):
    cache = opened(folder)
    for _ in range(2):
        with cache.worker_folder() as mine:
            assert list(mine.iterdir()) == []
            (mine / "data").symlink_to(folder)


def test_the_folder_may_name_variables_of_the_node(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    assert NodeCache("$SCRATCH/videos", None).folder == tmp_path / "videos"
    monkeypatch.delenv("SCRATCH")
    with pytest.raises(InputError, match=r"^compute.node_cache: expected an absolute path, got \$SCRATCH/videos$"):
        NodeCache("$SCRATCH/videos", None).open()


def test_by_default_it_is_this_users_alone_among_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cache = NodeCache(None, None)
    cache.open()
    assert cache.folder == tmp_path / f"corrtrack-{os.getuid()}-node"
    assert cache.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_folder_of_another_user_is_refused(folder):
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    with pytest.raises(
        InputError, match=r"^compute.node_cache: expected a folder of this user, got .*cache of another$"
    ):
        opened(folder)
