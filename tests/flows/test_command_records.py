"""What a file that a command wrote comes from: a conversion, an export, and several commands on one folder."""

import json
from pathlib import Path

import pytest

from flows.cli import app, guarded
from flows.command_records import explain_command, file_source, record_command
from tasks.content_key import file_digest
from tasks.errors import InputError


@pytest.fixture
def written(tmp_path) -> Path:
    """A folder with two files, of which `convert` wrote the first, and an input beside it."""
    folder = tmp_path / "out"
    (folder / "csv").mkdir(parents=True)
    for name in ("a.json", "csv/b.csv"):
        (folder / name).write_text(name)
    (tmp_path / "input.json").write_text("input")
    record_command(folder, "convert", [folder / "a.json"], [file_source(tmp_path / "input.json")])
    return folder


def test_a_file_is_explained_by_the_command_that_wrote_it(written, tmp_path):
    answer = explain_command(written / "a.json")
    assert (answer["file"], answer["command"], answer["is_recorded"]) == ("a.json", "convert", True)
    (source,) = answer["sources"]
    assert source["facts"] == {"sha256": file_digest(tmp_path / "input.json")}
    assert answer["versions"]["numpy"]
    assert answer["hardware"]["cores"] >= 1

    assert explain_command(written)["is_recorded"] is None, "a folder"
    assert explain_command(written / "csv/b.csv") is None
    assert explain_command(written / "csv") is None


def test_a_file_that_was_changed_or_deleted_since_is_not_taken_for_the_recorded(written):
    (written / "a.json").write_text("by hand")
    assert explain_command(written / "a.json")["is_recorded"] is False
    (written / "a.json").unlink()
    with pytest.raises(InputError, match="`corrtrack convert` wrote, got no such file"):
        explain_command(written / "a.json")


def test_each_file_has_the_command_that_wrote_it_last(written):
    record_command(written, "export", [written / "a.json", written / "csv/b.csv"], [])
    record_command(written, "score", [written / "csv/b.csv"], [])
    assert explain_command(written / "csv/b.csv")["command"] == "score"
    assert explain_command(written / "a.json")["command"] == "export"


def test_the_command_line_answers_for_a_conversion(tmp_path, capsys):
    people = {"images": [{"id": 1, "file_name": "a/1.jpg", "frame_id": 1}], "annotations": [], "categories": []}
    (tmp_path / "in.json").write_text(json.dumps(people))
    out = tmp_path / "out"
    code = guarded(lambda: app(["convert", str(tmp_path / "in.json"), "--to", "posetrack18", "--out", str(out)]))
    assert code == 0, capsys.readouterr().err
    capsys.readouterr()
    assert guarded(lambda: app(["explain", str(out / "in.json")])) == 0
    shown = capsys.readouterr().out
    for text in (
        "written by `corrtrack convert`",
        "that the command wrote",
        "from ",
        file_digest(tmp_path / "in.json"),
    ):
        assert text in shown
