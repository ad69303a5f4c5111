"""A finished run of tests and its page, for what a browser shows of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks import report, score
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.progress import Progress, as_current
from tasks.tables import TABLES, write_table
from tasks.workspace import Workspace
from tests.comparison.conftest import write_run

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def as_stage(name: str) -> Iterator[None]:
    with as_current(Progress(None, name)):
        yield


def shifting(frame: int) -> dict[int, float]:
    """From frame 2 on the first person has another identity, and a track of nobody appears."""
    return {5: 10.0, 6: 200.0} if frame < 2 else {7: 10.0, 6: 204.0, 9: 120.0}


def write_paper_tables(reports: Path) -> None:
    """The paper's tables as `ablate` writes them, the published rows standing for those of the run as well."""
    published = json.loads((ROOT / "tasks/ablation/published.json").read_text())
    names = {"the paper": "this run", "the paper, merged": "this run, merged"}
    for name, rows in published.items():
        first = rows[0]["data_set"]
        ours = [
            {key: value for key, value in row.items() if key != "data_set"} for row in rows if row["data_set"] == first
        ]
        if name in ("table_4", "table_5"):
            ours = [row | {"method": names[row["method"]]} for row in ours if row["method"] in names]
        content: dict[str, Any] = {"corpus": "a corpus of tests", "rows": ours, "published": rows, "findings": []}
        if name == "table_2":
            content["switches_by_tag"] = [
                {"method": row["method"], "boxes": row["boxes"], "crossing": row["IDSW"], "low_light": 3}
                for row in ours
            ]
        (reports / "tables").mkdir(parents=True, exist_ok=True)
        (reports / "tables" / f"{name}.json").write_text(json.dumps(content))


def write_provenance(workspace: Workspace, stage: str, **fields: Any) -> None:
    record = {"stage": stage, "started": "2026-01-02T03:04:05+00:00", "seconds": 1.5, "revision": "a" * 40}
    record |= {"hardware": {"processor": "a processor", "cores": 2, "memory_gib": 8.0}, "versions": {}}
    record |= {"notices": [], "rejects": [], "summary": {}} | fields
    workspace.provenance.mkdir(parents=True, exist_ok=True)
    (workspace.provenance / f"{stage}.json").write_text(json.dumps(record))


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def run_page(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """The page of a finished run on two videos, with every section but the noise and the pictures."""
    workspace = Workspace.of_repository(tmp_path_factory.mktemp("run"))
    videos = {"000001_<b>\"'&": shifting, "000002_mpii_test": lambda frame: {5: 10.0, 6: 200.0}}
    write_run(
        workspace.data.parent,
        videos,
        tags={"000001_<b>\"'&": ["crossing", "low_light"], "000002_mpii_test": ["crossing"]},
    )
    for name in ("images", "persons", "rejects"):
        write_table(TABLES[name], [], TABLES[name].path(workspace.tables))
    for name in videos:
        for table in ("detections", "poses", "recovered_poses"):
            write_table(TABLES[table], [], TABLES[table].path(workspace.tables, name))
    with as_stage("score"):
        score.run(workspace, params)
    write_paper_tables(workspace.reports)
    hostile = "<script>alert(1)</script>"
    reject = {"source": hostile, "location": "frame 7", "reason": "expected a picture, got noise"}
    write_provenance(workspace, "index", rejects=[reject], notices=[f"A notice of {hostile}."])
    write_provenance(workspace, "score", notices=["poseval counts <b>ears</b>."])
    plots = workspace.artifacts / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    (plots / "train_reid.csv").write_text("epoch,loss,rate,rank_1\n0,,,0.2\n1,3,0.1,0.4\n2,2,0.1,0.5\n3,2,0.1,0.6\n")
    (plots / "train_refinement_reliability.csv").write_text(
        "kind,predicted,observed,count\nas_trained,0.2,0.4,9\nas_trained,0.8,1,9\ncalibrated,0.2,0.2,9\ncalibrated,0.8,0.8,9\n"
    )
    with as_stage("report"):
        report.run(workspace, params)
    return workspace.reports / "index.html"
