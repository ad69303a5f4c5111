"""Outputs stay as long as inputs, params and the files themselves do."""

import pytest

from tasks.fresh_videos import FreshVideos
from tasks.workspace import Workspace


@pytest.mark.parametrize(
    ("change", "facts"),
    [("nothing", {"rows": 3}), ("input", None), ("params", None), ("output", None), ("no output", None)],
)
def test_facts_are_those_of_the_last_run_while_nothing_changed(tmp_path, change, facts):
    workspace = Workspace.of_repository(tmp_path)
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "reports").mkdir()
    source, clip = tmp_path / "artifacts/poses", tmp_path / "reports/clip"
    source.write_text("a")
    clip.write_text("b")
    first = FreshVideos(workspace, "track", {"tau": 1})
    first.record("street", first.key([source]), [clip], {"rows": 3})
    first.keep()

    if change == "input":
        source.write_text("c")
    if change == "output":
        clip.write_text("c")
    if change == "no output":
        clip.unlink()
    second = FreshVideos(workspace, "track", {"tau": 2 if change == "params" else 1})
    assert second.facts("street", second.key([source])) == facts
    assert second.facts("square", second.key([source])) is None
