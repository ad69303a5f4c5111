"""A run is unchanged only if everything that it read and wrote is as the last one left it."""

import pytest

from flows.runtime.last_run import LastRun, stamps

INPUTS = {"params": {"seed": 1}, "weights": {"pose": "0"}}


@pytest.fixture
def last_run(tmp_path):
    for name in ("artifacts/tables/poses/a.parquet", "reports/index.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    last_run = LastRun(tmp_path / "state/last_run.json", [tmp_path / "artifacts", tmp_path / "reports"])
    last_run.record(INPUTS)
    return last_run


def test_the_same_inputs_and_files_are_current(last_run, tmp_path):
    assert last_run.is_current(INPUTS)
    (tmp_path / "reports/notes.txt").write_text("of the user")
    assert last_run.is_current(INPUTS), "other files do not matter"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "reports/index.html").unlink(),
        lambda root: (root / "artifacts/tables/poses/a.parquet").write_text("other bytes"),
        lambda root: (root / "state/last_run.json").write_text("{"),
        lambda root: (root / "state/last_run.json").write_text('{"inputs": 1, "files": 2}'),
    ],
    ids=["a file gone", "a file changed", "no JSON", "no record"],
)
def test_a_change_of_the_files_is_seen(last_run, tmp_path, change):
    change(tmp_path)
    assert not last_run.is_current(INPUTS)


def test_other_inputs_are_not_current(last_run):
    assert not last_run.is_current(INPUTS | {"params": {"seed": 2}})


def test_a_run_that_has_begun_is_not_current_until_it_has_finished(last_run):
    last_run.forget()
    assert not last_run.is_current(INPUTS)


def test_files_behind_links_count_and_a_loop_of_links_ends(tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "street.mp4").write_bytes(b"123")
    (tmp_path / "videos/street.mp4").symlink_to(tmp_path / "street.mp4")
    (tmp_path / "videos/again").symlink_to(tmp_path / "videos")
    assert {name: size for name, (size, _) in stamps(tmp_path / "videos").items()} == {
        str(tmp_path / "videos/street.mp4"): 3
    }
