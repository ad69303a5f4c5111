"""Anything anywhere in a file of poses: poses that fit the table, or a rejection with its reason; never a crash."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.formats.corpus_part import CorpusPart
from tasks.formats.pose_files.corpus import read_corpus_poses
from tasks.tables.files import conform
from tasks.tables.schemas import FILE_POSES

ANYTHING = st.recursive(
    st.sampled_from([None, True, 0, -1, 1.5, 2**63, -(10**30), 10**400, float("nan"), float("inf"), "", "..", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@pytest.fixture
def corpus() -> CorpusPart:
    frames = [{"video_id": "street", "frame_index": f, "image_id": f + 1, "path": None} for f in range(3)]
    videos = [{"video_id": "street", "source": None, "width": 200, "height": 400}]
    return CorpusPart(videos=videos, frames={"street": [frame | {"file_name": "x"} for frame in frames]})


def check(root: Any, corpus: CorpusPart) -> None:
    poses = read_corpus_poses(root, corpus, "auto")
    conform(FILE_POSES, poses.rows)
    assert poses.rows or poses.rejects
    for reject in poses.rejects:
        assert reject["source"].startswith("poses")
        assert reject["reason"]


def paths_of(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path in the document; of long lists the first three."""
    yield path
    entries = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in entries:
        if not isinstance(key, int) or key < 3:
            yield from paths_of(value, (*path, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    document = copy.deepcopy(document)
    owner = document
    for key in path[:-1]:
        owner = owner[key]
    owner[path[-1]] = value
    return document


def test_anything_anywhere_of_json(example, corpus, tmp_path_factory):
    _, path = example
    file = path if path.is_file() else sorted(path.iterdir())[0]
    if file.suffix != ".json":
        pytest.skip("no JSON")
    whole = json.loads(file.read_text())
    root = tmp_path_factory.mktemp("data")
    (root / "poses").mkdir()

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(path=st.sampled_from(sorted(set(paths_of(whole)), key=repr)), value=ANYTHING)
    def survives(path, value):
        (root / "poses/street.json").write_text(json.dumps(changed(whole, path, value)))
        check(root, corpus)

    survives()


def test_any_damage_to_bytes(example, corpus, tmp_path_factory):
    _, path = example
    file = path if path.is_file() else sorted(path.iterdir())[0]
    content = file.read_bytes()
    root = tmp_path_factory.mktemp("data")
    (root / "poses").mkdir()
    draw = random.Random(20201)
    insertions = [b"", b"\xff", b",", b"nan", b"]", b"9" * 30, b"-", b"\n"]
    for _ in range(20):
        damaged = bytearray(content[: draw.randrange(len(content) + 1)] if draw.random() < 0.5 else content)
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(damaged) + 1)
            damaged[at : at + draw.randrange(3)] = draw.choice(insertions)
        (root / "poses" / f"street{file.suffix}").write_bytes(damaged)
        check(root, corpus)
