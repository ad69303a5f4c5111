"""What a trend run found, as reports/trend.json, reports/trend.md and reports/tables/training_source.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tasks.trend.comparisons import NOT_OF_THE_PAPER, TRENDS, Row, by_tag, trend_rows
from tasks.trend.home import SOURCES, TrendHome
from tasks.trend.scores import CorpusScores, read_scores
from tasks.whole_files import write_whole

_VERDICTS: Final = ("shown", "not shown", "opposite")
_HEADINGS: Final = ("trend", "paper", "metric", "first", "second", "difference", "95 % interval", "verdict")
_TRAINED_ON: Final = "trained on "


def write_results(home: TrendHome, reports: Path) -> None:
    """Compare the variants over all corpora and write the three files, each whole."""
    corpora = [read_scores(home.scores(name)) for name in home.corpora]
    resamples, seed = home.plan["resamples"], home.params("training").run.seed
    thresholds = json.loads(home.thresholds.read_text(encoding="utf-8"))
    rows = trend_rows(corpora, resamples=resamples, seed=seed)
    content = {
        "corpus": _corpus_sentence(corpora),
        "corpora": [
            {"seed": corpus.seed, "videos": len(corpus.videos), "frames": corpus.frames, "training": corpus.training}
            for corpus in corpora
        ],
        "training_seed": seed,
        "resamples": resamples,
        "confidence": 0.95,
        "thresholds": thresholds,
        "trends": rows,
        "by_tag": by_tag(corpora),
    }
    _write_json(
        reports / "tables" / "training_source.json", training_source(rows, corpora, thresholds["min_similarity"])
    )
    write_whole(reports / "trend.md", as_markdown(content))
    _write_json(reports / "trend.json", content)


def training_source(rows: Sequence[Row], corpora: Sequence[CorpusScores], min_similarity: dict[str, Any]) -> Row:
    """The table of section 6.1: {"corpus", "rows", "published", "chosen", "notes"}; the paper printed no figures."""
    means = {
        (row[side], row["metric"]): row[f"{side}_mean"]
        for row in rows
        for side in ("first", "second")
        if row[side].startswith(_TRAINED_ON)
    }
    table = [
        {"source": source} | {metric: means.get((f"{_TRAINED_ON}{source}", metric)) for metric in ("IDSW", "MOTA")}
        for source in SOURCES
    ]
    chosen = {
        name: value for name, value in min_similarity.items() if name.startswith(_TRAINED_ON) and value is not None
    }
    notes = [_sentence(row) for row in rows if row["section"] == "Section 6.1"]
    corpus = _corpus_sentence(corpora)
    return {"corpus": corpus, "rows": table, "published": [], "chosen": chosen, "notes": notes}


def as_markdown(content: dict[str, Any]) -> str:
    """The trends as a table to read and to print."""
    rows = content["trends"]
    lines = [
        "# Do the paper's trends hold?",
        "",
        f"Judged on {content['corpus']}. None of them was used in development; the networks and all thresholds",
        f"come from trainings on the demo corpus of seed {content['training_seed']}, from the starting weights. The",
        f"corpora take turns with {_trainings(content)} of the correspondence network. The difference is the mean over",
        "the corpora, positive where the first is better (more mAP or MOTA, fewer identity switches IDSW). Its",
        f"interval is a paired bootstrap over trainings and videos, {content['resamples']} draws. A trend counts as",
        "shown only if its interval excludes 0; `opposite` says that the reverse was shown.",
        "",
        "Synthetic videos and a training of minutes: this says nothing about real video.",
        "",
        _line(_HEADINGS),
        _line(["---"] * len(_HEADINGS)),
        *(_line(_cells(row)) for row in rows),
        "",
        f"Of the paper's: {', '.join(f'{_count(rows, verdict)} {verdict}' for verdict in _VERDICTS)}.",
        "Propagated poses are not in the paper: their similarity is the OKS of where correspondences propagate the",
        "first. Equation 6 is the mean affinity at the second's keypoints, and suffers where these are placed badly.",
        "The residual (logits of C = those of the network + a learned gain times log S) is not of the paper either;",
        "with and without it, refinements were trained from random weights by the same steps on COCO pictures.",
        *_absent(rows),
        "",
        "## Where correspondences win and lose",
        "",
        "Over all videos with a tag; a video counts under each of its tags. Positive: correspondences are better.",
        "",
        _line(("against", "tag", "videos", "fewer IDSW", "more MOTA")),
        _line(["---"] * 5),
        *(
            _line([row["name"], row["tag"], row["videos"], _number(row["fewer IDSW"]), _number(row["more MOTA"])])
            for row in content["by_tag"]
        ),
    ]
    return "\n".join(lines) + "\n"


def _trainings(content: dict[str, Any]) -> str:
    count = len({corpus["training"] for corpus in content["corpora"]})
    return "one training" if count == 1 else f"{count} trainings"


def _cells(row: Row) -> list[str]:
    interval = f"{_number(row['low'])} to {_number(row['high'])}"
    verdict = row["verdict"] if row["claim"] == "better" else f"{row['verdict']} (the paper saw no difference)"
    values = (_number(row[name]) for name in ("first_mean", "second_mean", "difference"))
    return [row["name"], row["section"], row["metric"], *values, interval, verdict]


def _sentence(row: Row) -> str:
    return (
        f"{row['name']}, {row['metric']}: difference {_number(row['difference'])}, 95 % interval "
        f"{_number(row['low'])} to {_number(row['high'])}; {row['verdict']}."
    )


def _absent(rows: Sequence[Row]) -> list[str]:
    missing = [trend.name for trend in TRENDS if trend.name not in {row["name"] for row in rows}]
    return [f"Not measured: {', '.join(missing)}."] if missing else []


def _corpus_sentence(corpora: Sequence[CorpusScores]) -> str:
    videos, frames = sum(len(corpus.videos) for corpus in corpora), sum(corpus.frames for corpus in corpora)
    return f"{len(corpora)} synthetic corpora of fresh seeds, {videos} validation videos, {frames} frames"


def _count(rows: Sequence[Row], verdict: str) -> int:
    return sum(row["verdict"] == verdict for row in rows if row["section"] != NOT_OF_THE_PAPER)


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _write_json(path: Path, content: object) -> None:
    write_whole(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
