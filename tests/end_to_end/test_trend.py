"""`corrtrack trend` on tiny corpora: every step, what is kept of it, and the three files it writes."""

import json
import shutil
from pathlib import Path

import pytest

from tasks.params.edit import set_value
from tasks.params.loading import parse_params
from tasks.trend.comparisons import TRENDS
from tasks.trend.home import TrendHome, lay_out, step_names
from tasks.trend.steps import run_step

pytestmark = pytest.mark.end_to_end

TINY = {
    "compute.executor": "local",
    **{f"index.demo_corpus.{part}_videos": 1 for part in ("train", "val")},
    **{f"index.demo_corpus.coco_{part}_images": 4 for part in ("train", "val")},
    "index.demo_corpus.frames_per_video": 6,
    "index.demo_corpus.width": 192,
    "index.demo_corpus.height": 128,
    **{f"{stage}.epochs": 1 for stage in ("pretrain", "finetune", "train_siamese", "train_refinement", "train_reid")},
    **{f"{stage}.start_weights": "null" for stage in ("pretrain", "finetune", "train_siamese", "train_refinement")},
    "train_reid.start_weights": "null",
    **{f"{stage}.passes_per_epoch": 1 for stage in ("train_siamese", "train_refinement")},
    **{f"{stage}.width": 0.0625 for stage in ("pretrain", "train_siamese", "train_refinement", "train_reid")},
    **{f"{stage}.size_px": 64 for stage in ("train_siamese", "train_refinement")},
    "recover.frame_size_px": 128,
    "score.splits": "[val]",
}
"""Enough to run through everything; nothing is learned by it."""
RESAMPLES = 20


def tiny_params() -> str:
    text = (Path(__file__).parents[2] / "params.yaml").read_text()
    for key, value in TINY.items():
        text = set_value(text, key, str(value))
    return text


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A checkout whose trend run has gone through."""
    root = tmp_path_factory.mktemp("trend")
    text = tiny_params()
    home = lay_out(
        root / ".corrtrack" / "trend",
        text,
        parse_params(text, name="params.yaml"),
        corpora=2,
        trainings=2,
        resamples=RESAMPLES,
    )
    for step in step_names(home):
        run_step(home, step, reports=root / "reports")
    return root


def times_of(folder: Path, pattern: str) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob(pattern)}


def test_every_trend_is_judged_on_both_corpora(finished):
    judged = json.loads((finished / "reports/trend.json").read_text())
    assert {row["name"] for row in judged["trends"]} == {trend.name for trend in TRENDS}
    assert all(len(row["by_corpus"]) == 2 for row in judged["trends"])
    assert len({entry["seed"] for entry in judged["corpora"]} | {judged["training_seed"]}) == 3
    assert [entry["training"] for entry in judged["corpora"]] == [1, 2]
    assert {row["verdict"] for row in judged["trends"]} <= {"shown", "not shown", "opposite"}
    variants = {row[side] for row in judged["trends"] for side in ("first", "second") if "," in row[side]}
    assert variants <= judged["thresholds"]["min_similarity"].keys()
    assert judged["thresholds"]["track"].keys() == {
        *("tau_corr", "tau_corr_siamese", "duplicate_oks", "duplicate_ratio")
    }
    assert judged["thresholds"]["merge"].keys() == {"similarity_threshold", "max_gap_frames"}


def test_an_interval_holds_the_mean_or_nothing_is_defined(finished):
    for row in json.loads((finished / "reports/trend.json").read_text())["trends"]:
        if row["difference"] is not None:
            assert row["low"] <= row["high"]


def test_the_sources_of_training_are_a_table_of_the_paper(finished):
    table = json.loads((finished / "reports/tables/training_source.json").read_text())
    assert [row["source"] for row in table["rows"]] == ["coco", "coco_then_posetrack", "posetrack"]
    assert "2 synthetic corpora of fresh seeds, 2 validation videos, 12 frames" in table["corpus"]


def test_what_was_broken_off_is_done_again_and_the_rest_is_kept(finished):
    home = TrendHome(finished / ".corrtrack" / "trend")
    before = (finished / "reports/trend.json").read_bytes()
    kept = times_of(home.root / "corpus-1", "scores.safetensors") | times_of(home.root, "*.key")
    home.scores("corpus-2").unlink()
    (finished / "reports/trend.json").unlink()
    for step in step_names(home):
        run_step(home, step, reports=finished / "reports")
    again = times_of(home.root / "corpus-1", "scores.safetensors") | times_of(home.root, "*.key")
    changed = {path.relative_to(home.root).as_posix() for path in kept if again[path] != kept[path]}
    assert changed == {"corpus-2/.corrtrack/done/scores.key"}
    assert (finished / "reports/trend.json").read_bytes() == before


def test_the_command_goes_on_where_a_run_ended_and_prints_the_table(finished, checkout, corrtrack):
    shutil.copytree(finished / ".corrtrack", checkout / ".corrtrack")
    (checkout / "tiny.yaml").write_text(tiny_params())
    code, text = corrtrack(
        "trend", "--params", "tiny.yaml", "--corpora", "2", "--trainings", "2", "--resamples", RESAMPLES
    )
    assert code == 0, text
    assert "| recovery of missed poses | Table 3 | mAP |" in text
    assert (checkout / "reports/trend.json").read_bytes() == (finished / "reports/trend.json").read_bytes()
