"""Trends from scores with written answers: who is better, by how much, and whether that is shown."""

import json

import numpy as np
import pytest

from models.metrics.average_precision import LabelledPredictions
from models.metrics.clear_mot import MotCounts
from tasks.tracker_evaluation.measures import measure_of
from tasks.tracker_evaluation.metrics import VideoScore, metrics_of
from tasks.trend.comparisons import TRENDS, by_tag, trend_rows
from tasks.trend.results import as_markdown, training_source
from tasks.trend.scores import CorpusScores, read_scores, write_scores

OKS, OURS = "OKS, detected", "Correspondences, detected"


def score(switches: int, misses: int = 0, *, objects: int = 100, precision: float = 1.0) -> VideoScore:
    """Every joint alike: so many switches and misses of `objects`; the share `precision` of 10 predictions is right."""
    whole, real = (lambda value: np.full(15, value)), np.zeros(15)
    counts = MotCounts(
        whole(misses), whole(switches), whole(0), whole(objects), whole(objects - misses), real, real.copy()
    )
    is_match = np.repeat((np.arange(10) < 10 * precision)[:, None], 15, axis=1)
    scores = np.repeat(np.linspace(1, 0.1, 10)[:, None], 15, axis=1)
    return VideoScore(LabelledPredictions(scores, np.ones((10, 15), bool), is_match, whole(10)), counts)


def corpus(first: list[VideoScore], second: list[VideoScore], tags: list[list[str]] | None = None) -> CorpusScores:
    videos = [f"video{number}" for number in range(len(first))]
    return CorpusScores(5, videos, tags or [[] for _ in videos], 30, {OURS: first, OKS: second})


def row_of(rows, metric):
    return next(row for row in rows if row["metric"] == metric)


def test_fewer_switches_and_more_mota_are_positive():
    corpora = [corpus([score(1)] * 2, [score(3)] * 2), corpus([score(1)] * 2, [score(5)] * 2)]
    rows = trend_rows(corpora, resamples=200, seed=1)
    assert {row["name"] for row in rows} == {"correspondences against OKS, detected boxes"}
    switches = row_of(rows, "IDSW")
    assert switches["by_corpus"] == [2 * 2 * 15, 2 * 4 * 15]
    assert switches["difference"] == 90
    assert switches["first_mean"] == 30
    assert switches["low"] > 0
    assert switches["verdict"] == "shown"
    assert row_of(rows, "MOTA")["by_corpus"] == [2, 4]


def test_the_other_way_round_is_reported_as_the_opposite():
    rows = trend_rows([corpus([score(3)] * 4, [score(1)] * 4)], resamples=100, seed=1)
    assert {row["verdict"] for row in rows} == {"opposite"}


def test_what_one_video_decides_is_not_shown():
    ours = [score(0)] * 7 + [score(1)]
    rows = trend_rows([corpus(ours, [score(0)] * 7 + [score(9)])], resamples=500, seed=1)
    assert row_of(rows, "IDSW")["difference"] == 8 * 15
    assert row_of(rows, "IDSW")["verdict"] == "not shown"


def test_measures_are_those_of_all_videos_together():
    scores = [
        score(1, 5, objects=50, precision=0.5),
        score(0, 20, objects=200, precision=0.9),
        score(2, 0, precision=1.0),
    ]
    drawn = np.array([2, 0, 0, 1])
    together = metrics_of([scores[number] for number in drawn])
    assert measure_of("mAP", scores)(drawn)[-1] == together.mean_ap
    assert measure_of("MOTA", scores)(drawn)[-1] == together.mota
    assert measure_of("IDSW", scores)(drawn)[-1] == together.switches == 4 * 15


def test_tags_tell_where_correspondences_lose():
    ours, oks = [score(1), score(4)], [score(3), score(2)]
    rows = by_tag([corpus(ours, oks, [["crossing", "easy"], ["easy", "blur"]])])
    assert {row["tag"]: (row["videos"], row["fewer IDSW"]) for row in rows} == {
        "crossing": (1, 30),
        "blur": (1, -30),
        "easy": (2, 0),
    }


def test_scores_come_back_from_their_file(tmp_path):
    before = corpus([score(1, 2)], [score(3)], [["crossing"]])
    write_scores(tmp_path / "scores.safetensors", before)
    after = read_scores(tmp_path / "scores.safetensors")
    assert (after.seed, after.videos, after.tags, after.frames) == (5, ["video0"], [["crossing"]], 30)
    assert list(after.variants) == list(before.variants)
    for variant, scores in before.variants.items():
        assert trend_rows([after], resamples=5, seed=1) == trend_rows([before], resamples=5, seed=1)
        assert np.array_equal(after.variants[variant][0].evidence.score, scores[0].evidence.score)
        assert after.variants[variant][0].evidence.is_match.dtype == bool


@pytest.mark.parametrize("word", ["shown", "not shown", "opposite"])
def test_the_table_names_every_row_and_what_was_not_measured(word):
    corpora = [corpus([score(1)] * 4, [score(3)] * 4)]
    rows = [row | {"verdict": word} for row in trend_rows(corpora, resamples=20, seed=1)]
    content = {"corpus": "a corpus", "training_seed": 7, "resamples": 20, "trends": rows, "by_tag": by_tag(corpora)}
    content |= {"corpora": [{"training": 1}, {"training": 2}]}
    text = as_markdown(content)
    assert f"2 {word}" in text
    assert "take turns with 2 trainings" in text
    assert text.count("correspondences against OKS, detected boxes | Table 2") == 2
    assert "Not measured: " in text
    assert "refinement" in text.split("Not measured: ")[1]


def test_the_training_sources_are_reported_with_their_intervals():
    variants = {f"trained on {name}": [score(count)] for name, count in (("coco", 1), ("posetrack", 4))}
    corpora = [CorpusScores(1, ["a"], [[]], 10, variants | {"trained on coco_then_posetrack": [score(1)]})]
    table = training_source(trend_rows(corpora, resamples=20, seed=1), corpora, {"trained on posetrack": 0.1})
    assert [(row["source"], row["IDSW"]) for row in table["rows"]] == [
        ("coco", 15),
        ("coco_then_posetrack", 15),
        ("posetrack", 60),
    ]
    assert table["chosen"] == {"trained on posetrack": 0.1}
    assert any("COCO against PoseTrack, IDSW: difference 45.00" in note for note in table["notes"])
    json.dumps(table, allow_nan=False)


def test_no_two_trends_share_a_name():
    assert len({trend.name for trend in TRENDS}) == len(TRENDS)
