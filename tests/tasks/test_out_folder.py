"""An out folder is marked, and only what corrtrack wrote into it is replaced or deleted."""

from pathlib import Path

import pytest

from tasks.content_key import file_digest
from tasks.errors import InputError
from tasks.out_folder import MARKER, claim_out_folder, remove_written
from tasks.shards.store import copy_out
from tasks.whole_files import write_whole


def touched(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of the user")


def listed(out: Path) -> list[str]:
    return (out / MARKER).read_text().splitlines()[1:]


def test_a_new_folder_is_made_and_marked_and_taken_up_again(tmp_path):
    out = claim_out_folder(tmp_path / "runs/street")
    write_whole(out / "reports/index.html", "page")
    assert claim_out_folder(tmp_path / "runs/street") == out
    assert listed(out) == ["reports/index.html"]


def test_an_empty_folder_is_taken(tmp_path):
    assert (claim_out_folder(tmp_path) / MARKER).is_file()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["holiday.mp4"], "found holiday.mp4"),
        (["artifacts/exports/posetrack18/merged/x.json", "reports/index.html"], "found artifacts, reports"),
        (["a", "b", "c", "d", "e"], "found a, b, c and 2 more"),
        ([".corrtrack/run.json"], "found .corrtrack"),
    ],
)
def test_a_folder_with_files_of_the_user_is_refused_and_stays_as_it_is(tmp_path, files, found):
    out = tmp_path / "out"
    touched(*(out / name for name in files))
    with pytest.raises(InputError, match=found):
        claim_out_folder(out)
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == sorted(files)


def test_a_file_and_a_marker_of_another_version_are_refused(tmp_path):
    touched(tmp_path / "file")
    with pytest.raises(InputError, match="expected a folder, found a file"):
        claim_out_folder(tmp_path / "file")
    out = claim_out_folder(tmp_path / "out")
    (out / MARKER).write_text("corrtrack out folder, version 7\n")
    with pytest.raises(InputError, match="found 'corrtrack out folder, version 7'"):
        claim_out_folder(out)


@pytest.mark.parametrize(
    ("given", "out", "message"),
    [
        ("run/corpus/a.mp4", "run", "found .*a.mp4 in it"),
        ("clips", "clips", "found .*clips in it"),
        ("clips", "clips/out", "found it in .*clips"),
        ("clips", "link/out", "found it in .*clips"),
    ],
)
def test_input_and_out_folder_lie_apart(tmp_path, given, out, message):
    touched(tmp_path / "run/corpus/a.mp4", tmp_path / "clips/b.mp4")
    (tmp_path / "link").symlink_to("clips")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=message):
        claim_out_folder(tmp_path / out, inputs=[tmp_path / given])
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_beside_the_out_folder_may_be_read(tmp_path):
    touched(tmp_path / "clips/a.mp4")
    claim_out_folder(tmp_path / "clips/out", inputs=[tmp_path / "clips/a.mp4"])


def test_a_file_of_the_user_is_neither_replaced_nor_deleted(tmp_path):
    out = claim_out_folder(tmp_path / "out")
    page, clip = out / "reports/index.html", out / "reports/clips/holiday.mp4"
    touched(page, clip)
    with pytest.raises(InputError, match="expected no file or one that corrtrack wrote"):
        write_whole(page, "ours")
    with pytest.raises(InputError, match="expected no file or one that corrtrack wrote"):
        copy_out(clip, page, file_digest(clip))
    assert not remove_written(clip)
    assert page.read_text() == clip.read_text() == "of the user"


def test_a_file_of_ours_is_replaced_and_deleted_also_by_another_process(tmp_path):
    out = claim_out_folder(tmp_path / "out")
    write_whole(out / "metrics.json", "1")
    claim_out_folder(out)  # as a later process sees it: nothing remembered
    write_whole(out / "metrics.json", "2")
    assert (out / "metrics.json").read_text() == "2"
    assert remove_written(out / "metrics.json")
    assert not remove_written(out / "metrics.json")


def test_a_folder_that_was_deleted_and_made_anew_lists_its_files_again(tmp_path):
    out = claim_out_folder(tmp_path / "out")
    write_whole(out / "metrics.json", "1")
    (out / "metrics.json").unlink()
    (out / MARKER).unlink()
    write_whole(claim_out_folder(out) / "metrics.json", "2")
    assert listed(out) == ["metrics.json"]


def test_working_state_is_not_listed_and_other_folders_know_no_list(tmp_path):
    out = claim_out_folder(tmp_path / "out")
    write_whole(out / ".corrtrack/run.json", "{}")
    write_whole(tmp_path / "elsewhere.json", "{}")
    assert listed(out) == []
    assert remove_written(tmp_path / "elsewhere.json")


def test_a_checkout_lists_what_is_written_and_refuses_nothing(tmp_path):
    touched(tmp_path / "dvc.yaml", tmp_path / "params.yaml", tmp_path / "reports/metrics.json")
    write_whole(tmp_path / "reports/metrics.json", "ours")
    assert (tmp_path / ".corrtrack/written.txt").read_text() == "reports/metrics.json\n"
