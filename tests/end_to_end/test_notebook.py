"""The notebook of the documents runs as it stands."""

from pathlib import Path

import nbclient
import nbformat
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
TABLE = 'noses.groupby("track_id")["x"].agg(["count", "first", "last"])'
"""What the notebook shows of each person."""
NOTEBOOK = ROOT / "docs" / "track_a_video.ipynb"

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_follows_both_people_past_each_other(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook.cells.append(nbformat.v4.new_code_cell(f"{TABLE}.to_csv('seen.csv')"))
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    rows = pd.read_csv(tmp_path / "seen.csv")[["count", "first", "last"]].to_numpy()
    assert sorted(rows.tolist()) == [[16, 115, 205], [16, 205, 115]]
    for name in ("plot", "overlay"):
        (cell,) = [cell for cell in notebook.cells if cell.id == name]
        assert any("image/png" in output.get("data", {}) for output in cell.outputs)
    assert (tmp_path / "street-tracks" / "reports" / "index.html").is_file()


def test_it_is_committed_without_outputs_and_its_words_are_true(notebook):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert NOTEBOOK.stat().st_size < 20_000
    assert "docs/track_a_video.ipynb" in (ROOT / "README.md").read_text()
