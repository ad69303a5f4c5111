"""Files from nowhere: any bytes give numbers or one message, never a crash, never a hang."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import InputError
from tasks.formats.folder_conversion import convert_folder
from tasks.formats.posetrack_conversion import posetrack17_from_18
from tasks.formats.submission import export_submission
from tasks.scoring.run import Request, ScoreOutcome, score_folder

NAME = "000001_mpii_test"
DEEP = "[" * 5000 + "]" * 5000
STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from([[], {}, [[]], [None], [{}], 1e308, -1e308, "0", [1, [2]], {"point": 3}, [10**400]]),
)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, part in inner for deeper in paths_of(part, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], change: Any) -> Any:
    """A copy with the value at `path` replaced, or removed where `change` is the string REMOVE."""
    if not path:
        return change
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and change == "REMOVE":
        del copy[path[0]]
    else:
        copy[path[0]] = replaced(value[path[0]], path[1:], change)
    return copy


@dataclass(frozen=True)
class Valid:
    """A valid file and the paths in it; too large to be printed by hypothesis."""

    value: Any = field(repr=False)
    paths: list[tuple[Any, ...]] = field(repr=False)


@pytest.fixture(scope="module")
def files(world_class: Any) -> dict[str, Valid]:
    """One valid file in each format."""
    frames = []
    for index in range(3):
        frames.append([world_class.person(0, 50 + index, score=0.9), world_class.person(1, 300, score=0.5)])
    eighteen = world_class.posetrack18(NAME, frames)
    for image in eighteen["images"]:
        image.update({"ignore_regions_x": [[0, 10, 10]], "ignore_regions_y": [[0, 0, 10]]})
    seventeen = posetrack17_from_18(NAME, eighteen)
    return {"18": Valid(eighteen, paths_of(eighteen)), "17": Valid(seventeen, paths_of(seventeen))}


@pytest.fixture(scope="module")
def attempt(files: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Scores, converts and exports with one side replaced by the given text."""
    folder = tmp_path_factory.mktemp("fuzz")

    def run(side: str, kind: str, text: str) -> None:
        for each in ("gt", "pred"):
            path = folder / each / f"{NAME}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text if each == side else json.dumps(files[kind].value))
        outcome = score_folder(
            Request(folder / "gt", folder / "pred", folder / "out", per_sequence=True, corrected=True)
        )
        assert isinstance(outcome, ScoreOutcome)
        for target in ("posetrack17", "posetrack18", "coco"):
            convert_folder(folder / side, folder / "converted", target=target)
        try:
            export_submission(folder / side, folder / "out.zip")
        except InputError as error:
            assert str(error)

    return run


@settings(max_examples=150)
@given(data=st.data(), side=st.sampled_from(["gt", "pred"]), kind=st.sampled_from(["17", "18"]))
def test_a_strange_value_anywhere(data: Any, side: str, kind: str, files: Any, attempt: Any) -> None:
    value, paths = files[kind].value, files[kind].paths
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths))
        try:
            value = replaced(value, path, data.draw(STRANGE | st.just("REMOVE")))
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took that path away
    attempt(side, kind, json.dumps(value))


@settings(max_examples=40)
@given(share=st.floats(0, 1), side=st.sampled_from(["gt", "pred"]), kind=st.sampled_from(["17", "18"]))
def test_truncated_files(share: float, side: str, kind: str, files: Any, attempt: Any) -> None:
    text = json.dumps(files[kind].value)
    attempt(side, kind, text[: int(share * len(text))])


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "3", "NaN", '"text"', "[]", "{}", "{" * 3000, "\ufeff{}", "\x00"),
        *(DEEP, "9" * 5000, "1e999999999"),
        '{"annolist": 3}',
        f'{{"images": {DEEP}, "annotations": [], "categories": []}}',
        f'{{"annolist": [{{"annorect": {DEEP}}}]}}',
        '{"images": [{"id": 1e999}], "annotations": [{"image_id": NaN}]}',
        '{"annolist": [{"annorect": [{"annopoints": [{"point": [{"id": [1e400], "x": [0], "y": [0]}]}]}]}]}',
    ],
    ids=range(18),
)
def test_named_monsters(text: str, attempt: Any) -> None:
    for side in ("gt", "pred"):
        attempt(side, "18", text)


def test_bytes_that_are_no_text(tmp_path: Path, files: Any) -> None:
    for side in ("gt", "pred"):
        (tmp_path / side).mkdir()
        (tmp_path / side / f"{NAME}.json").write_bytes(b"\xff\xfe\x00\xd8" * 10)
    outcome = score_folder(Request(tmp_path / "gt", tmp_path / "pred", tmp_path / "out"))
    assert "expected JSON" in outcome.totals.problems["ap"][0]
