"""Anything anywhere in an annotation file: rejected with a reason, never a crash or a row that does not fit."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.formats.corpus_part import CorpusPart
from tasks.tables.files import conform
from tasks.tables.schemas import FRAMES, IMAGES, PERSONS, VIDEOS

ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from(
            [0, -1, 1.5, 2**63, -(10**30), 10**400, float("nan"), float("inf"), "", "..", "/x", "\0", "\ud800", "é"]
        ),
        st.text(max_size=5),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def _paths(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path in the document; of long lists of numbers only the first two."""
    if path:
        yield path
    entries = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in entries:
        if not (isinstance(key, int) and key > 1 and not isinstance(value, dict)):
            yield from _paths(value, (*path, key))


def _put(document: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


def _check(part: CorpusPart) -> None:
    for table, rows in ((VIDEOS, part.videos), (IMAGES, part.images), (PERSONS, part.persons)):
        conform(table, rows)
    for rows in part.frames.values():
        conform(FRAMES, rows)
    for reject in part.rejects:
        assert reject["source"]
        assert reject["reason"]


@pytest.fixture(params=["coco", "posetrack"])
def annotated(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_anything_anywhere_is_survived(annotated: Any) -> None:
    whole = copy.deepcopy(annotated.document)
    paths = sorted(set(_paths(whole)), key=repr)

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(path=st.sampled_from(paths), value=ANYTHING)
    def survives(path: tuple[Any, ...], value: Any) -> None:
        annotated.document = copy.deepcopy(whole)
        _put(annotated.document, path, value)
        _check(annotated.write())

    survives()


def test_any_missing_field_is_survived(annotated: Any) -> None:
    whole = copy.deepcopy(annotated.document)
    for path in sorted(set(_paths(whole)), key=repr):
        annotated.document = copy.deepcopy(whole)
        owner = annotated.document
        for key in path[:-1]:
            owner = owner[key]
        if isinstance(owner, dict):
            del owner[path[-1]]
            _check(annotated.write())
