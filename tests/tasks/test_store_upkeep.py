"""Upkeep of the shard store: by age, by size, beside runs in progress in other processes, and as commands."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from flows.cli import app, guarded
from flows.cli.store import size_bytes
from tasks.code_files import REPOSITORY
from tasks.errors import InputError
from tasks.shards.store import MANIFEST, ShardStore
from tasks.shards.store_upkeep import clear, damaged, stored_shards
from tasks.shards.store_uses import in_use
from tasks.tables.schemas import DETECTIONS, POSES

KEYS = [f"{number:064x}" for number in range(1, 9)]


def filled(root: Path, keys: list[str]) -> ShardStore:
    """A store of empty shards, the first used the longest ago: one more day each."""
    store = ShardStore(root, (DETECTIONS,))
    for days, key in enumerate(reversed(keys)):
        store.add(key, {"detections": DETECTIONS.schema.empty_table()}, {})
        used = time.time() - 86400 * days
        os.utime(root / key[:2] / key / MANIFEST, (used, used))
    return store


def keys_of(root: Path) -> list[str]:
    return [entry.key for entry in stored_shards(root)]


def test_entries_come_with_the_least_recently_used_first(tmp_path):
    store = filled(tmp_path, KEYS[:3])
    assert keys_of(tmp_path) == KEYS[:3]
    assert store.find(KEYS[0]) is not None
    assert keys_of(tmp_path) == [KEYS[1], KEYS[2], KEYS[0]]
    assert {entry.tables for entry in stored_shards(tmp_path)} == {("detections",)}


def test_what_is_old_goes(tmp_path):
    store = filled(tmp_path, KEYS[:4])
    cleared = clear(tmp_path, keep_days=1.5)
    assert [entry.key for entry in cleared.deleted] == KEYS[:2] and keys_of(tmp_path) == KEYS[2:4]
    assert store.find(KEYS[0]) is None


def test_the_least_recently_used_make_room(tmp_path):
    filled(tmp_path, KEYS[:4])
    size = stored_shards(tmp_path)[0].size_bytes
    assert clear(tmp_path, max_bytes=2.5 * size, is_dry=True).in_use == 0 and len(keys_of(tmp_path)) == 4
    clear(tmp_path, max_bytes=2.5 * size)
    assert keys_of(tmp_path) == KEYS[2:4]
    assert not list(tmp_path.glob(".*.partial"))


def test_files_of_another_origin_stay(tmp_path):
    filled(tmp_path, KEYS[:1])
    for name in ("notes.txt", f"{KEYS[0][:2]}/holiday.mp4", "artifacts/x.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("of the user")
    clear(tmp_path, max_bytes=0)
    names = sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith("."))
    assert names == ["holiday.mp4", "notes.txt", "x.parquet"]


def test_damage_is_named(tmp_path):
    filled(tmp_path, KEYS[:4])
    folders = [entry.folder for entry in stored_shards(tmp_path)]
    (folders[0] / "detections.parquet").write_bytes(b"other")
    (folders[1] / "detections.parquet").unlink()
    (folders[2] / MANIFEST).write_text("[]")
    reasons = {entry.key: reason for entry, reason in damaged(tmp_path)}
    assert list(reasons) and set(reasons) == set(KEYS[:3])
    assert "expected SHA-256" in reasons[KEYS[0]] and "detections.parquet, got none" in reasons[KEYS[1]]
    assert "cannot be read" in reasons[KEYS[2]]


RUN = """
import sys
from pathlib import Path
from tasks.shards.store import ShardStore
from tasks.shards.store_uses import in_use
from tasks.tables.schemas import DETECTIONS

root, rounds, keys = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
store, lost = ShardStore(root, (DETECTIONS,)), 0
for _ in range(rounds):
    with in_use(root, keys):
        for key in keys:
            if store.find(key) is None:
                store.add(key, {"detections": DETECTIONS.schema.empty_table()}, {})
        print("ready", flush=True)
        if rounds == 1:
            sys.stdin.readline()
        lost += sum(store.find(key) is None for key in keys)
print("lost", lost, flush=True)
"""


def run(root: Path, rounds: int, keys: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(root), str(rounds), *keys]
    return subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_what_another_process_uses_stays_until_it_ends_however_it_ends(tmp_path):
    filled(tmp_path, KEYS)
    with run(tmp_path, 1, KEYS[:2]) as first, run(tmp_path, 1, KEYS[1:3]) as second:
        assert [each.stdout.readline() for each in (first, second)] == ["ready\n"] * 2
        cleared = clear(tmp_path, keep_days=0, max_bytes=0)
        assert sorted(keys_of(tmp_path)) == KEYS[:3] and cleared.in_use == 3
        first.kill()
        assert first.wait() != 0
        clear(tmp_path, max_bytes=0)
        assert sorted(keys_of(tmp_path)) == KEYS[1:3]
        assert second.communicate("go on\n")[0] == "lost 0\n"
    clear(tmp_path, max_bytes=0)
    assert keys_of(tmp_path) == [] and not list((tmp_path / ".uses").iterdir())


def test_two_writers_and_one_that_makes_room_lose_nothing(tmp_path):
    with run(tmp_path, 40, KEYS[:5]) as first, run(tmp_path, 40, KEYS[2:]) as second:
        deleted = 0
        while first.poll() is None or second.poll() is None:
            deleted += len(clear(tmp_path, max_bytes=0).deleted)
        answers = [each.communicate()[0].splitlines()[-1] for each in (first, second)]
    assert answers == ["lost 0", "lost 0"] and deleted > 0
    assert not list(damaged(tmp_path))


@pytest.mark.parametrize(("text", "size"), [("500", 500), ("2K", 2048), ("1.5g", 1.5 * 2**30), ("20GiB", 20 * 2**30)])
def test_sizes_have_units(text, size):
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "5 apples"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(InputError, match="expected a size such as 500M"):
        size_bytes(text)


def answered(capsys, *arguments: object) -> tuple[int, dict]:
    code = guarded(lambda: app([*map(str, arguments), "--json"]))
    return code, json.loads(capsys.readouterr().out or "{}")


def test_the_commands_answer_as_json(tmp_path, capsys):
    store = tmp_path / "out/.corrtrack/store"
    filled(store, KEYS[:3])
    ShardStore(store, (POSES,)).add(KEYS[5], {"poses": POSES.schema.empty_table()}, {})
    code, listed = answered(capsys, "store", "ls", tmp_path / "out")
    assert code == 0 and listed["count"] == 4 and listed["shards"][-1]["tables"] == ["poses"]
    assert listed["bytes"] == sum(shard["bytes"] for shard in listed["shards"])
    with in_use(store, [KEYS[0]]):
        code, cleared = answered(capsys, "store", "gc", tmp_path / "out", "--keep-days", 0.5)
    assert (code, cleared["deleted"]["keys"], cleared["kept"]["in_use"]) == (0, [KEYS[1]], 1)
    assert answered(capsys, "store", "verify", store)[1]["damaged"] == []
    (stored_shards(store)[0].folder / "detections.parquet").write_bytes(pa.py_buffer(b"other"))
    code, verified = answered(capsys, "store", "verify", store)
    assert code == 1 and [shard["key"] for shard in verified["damaged"]] == [KEYS[0]]


def test_a_limit_is_asked_for(tmp_path):
    filled(tmp_path, KEYS[:1])
    assert guarded(lambda: app(["store", "gc", str(tmp_path)])) == 2
    assert guarded(lambda: app(["store", "ls", str(tmp_path / "nowhere")])) == 2
