"""The paper's tables as `ablate` writes them: this run's columns beside the published ones, and what they show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tasks.reporting.charts.bars import BarChart
from tasks.reporting.charts.lines import LineChart
from tasks.reporting.gather import Row, read_json_files
from tasks.reporting.grid import Column, Grid, grid_of
from tasks.reporting.labels import label, value_text
from tasks.reporting.run_facts import Absent, RunFacts
from tasks.reporting.sections.paper_charts import charts_of
from tasks.reporting.sections.trends import TrendVerdict, trend_of

_BETTER: Final[Mapping[str, Literal["low", "high"]]] = {"IDSW": "low"}
"""Metrics of which fewer are better; of the others more are."""
_SAME: Final = {
    **{"this run": "Correspondences", "the paper": "Correspondences"},
    **{"this run, merged": "Correspondences, merged", "the paper, merged": "Correspondences, merged"},
}
"""One name for the method of the paper, whoever ran it."""
_OURS: Final = "This run"


@dataclass(frozen=True)
class _Layout:
    """How a table of the paper is laid out."""

    title: str
    keys: tuple[str, ...]
    """Columns that name a row, in this run as in the paper."""
    metrics: tuple[str, ...]
    best_within: str = ""
    further: tuple[str, ...] = ()
    """Columns of this run alone."""
    is_long: bool = False
    """Whether the corpus is a column, since there are too many metrics to repeat for each."""
    note: str = ""


_LAYOUTS: Final = {
    "table_2": _Layout(
        "Table 2. Correspondences against tracking baselines",
        ("method", "boxes"),
        ("IDSW", "MOTA"),
        best_within="boxes",
        further=("min_similarity",),
    ),
    "table_3": _Layout(
        "Table 3. Output joint threshold and recovery", ("output_keypoint_threshold", "poses"), ("mAP", "MOTA")
    ),
    "table_4": _Layout(
        "Table 4. Multi-frame pose estimation, average precision of each joint",
        ("method",),
        ("Head", "Shou", "Elb", "Wri", "Hip", "Knee", "Ankl", "mAP"),
        best_within="corpus",
        is_long=True,
    ),
    "table_5": _Layout(
        "Table 5. Tracking, with and without merging",
        ("method",),
        ("mAP", "MOTA"),
        note="Miracle, MSRA and ALG used additional training data. STEmbedding reports no results on the test set.",
    ),
    "table_6": _Layout("Table 6. Threshold of the affinities", ("tau_corr",), ("mAP", "MOTA")),
    "table_7": _Layout("Table 7. Refinement and duplicate removal", ("design",), ("mAP", "MOTA", "IDSW")),
    "training_source": _Layout("Section 6.1. Source of the correspondence training", ("source",), ("IDSW", "MOTA")),
}
_OF_TREND_RUN: Final = frozenset({"training_source"})
"""Tables that `corrtrack trend` writes, which runs on corpora of its own."""
_HEADINGS: Final = {
    "output_keypoint_threshold": "Output joint threshold",
    "min_similarity": "Chosen smallest similarity",
}


@dataclass(frozen=True)
class PaperTable:
    """One table as the page shows it."""

    name: str
    title: str
    grid: Grid
    trend: TrendVerdict | None
    charts: list[LineChart | BarChart]
    findings: list[str]
    standalone: Grid | None
    notes: list[str]


def paper(run: RunFacts) -> Row | Absent:
    """The tables in reports/tables that have rows, in the paper's order."""
    tables = read_json_files(run.workspace.reports / "tables", "*.json")
    shown = [
        _shown(name, layout, tables[name]) for name, layout in _LAYOUTS.items() if tables.get(name, {}).get("rows")
    ]
    if not shown:
        return Absent("The paper's tables need annotated validation videos, and are left out.")
    return {"tables": shown}


def _shown(name: str, layout: _Layout, table: Mapping[str, Any]) -> PaperTable:
    standalone = table.get("standalone_accuracy", [])
    return PaperTable(
        name=name,
        title=layout.title,
        grid=_long(name, layout, table) if layout.is_long else _wide(name, layout, table),
        trend=trend_of(name, table["rows"]),
        charts=charts_of(name, table["rows"]),
        findings=list(table.get("findings", [])),
        standalone=grid_of(standalone, "Standalone accuracy, on held-out data") if standalone else None,
        notes=[*([layout.note] if layout.note else []), *_thresholds(table), *table.get("notes", [])],
    )


def _wide(name: str, layout: _Layout, table: Mapping[str, Any]) -> Grid:
    """A row for each method or setting, columns for each corpus; the rows of this run first."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    corpora: dict[str, None] = {}
    ours = "Trend run" if name in _OF_TREND_RUN else _OURS
    for row in [*table["rows"], *table["published"]]:
        corpus = row.get("data_set", ours)
        corpora[corpus] = None
        key = tuple(_named(row.get(part)) for part in layout.keys)
        merged = rows.setdefault(key, dict(zip(layout.keys, key, strict=True)))
        merged |= {f"{corpus}|{metric}": row.get(metric) for metric in layout.metrics}
        merged |= {part: row[part] for part in layout.further if part in row}
    columns = [Column(part, _heading(part)) for part in layout.keys]
    for corpus in corpora:
        columns += [
            Column(f"{corpus}|{metric}", label(metric), corpus, _BETTER.get(metric, "high"))
            for metric in layout.metrics
        ]
        further = layout.further if corpus == ours else ()
        columns += [Column(part, _heading(part), ours) for part in further if any(part in row for row in rows.values())]
    return Grid(list(rows.values()), columns, _caption(name, table), layout.best_within, name, absent="–")


def _long(name: str, layout: _Layout, table: Mapping[str, Any]) -> Grid:
    """A row for each method and corpus."""
    rows = [
        {
            "corpus": row.get("data_set", _OURS),
            "method": _named(row["method"]),
            **{metric: row.get(metric) for metric in layout.metrics},
        }
        for row in [*table["rows"], *table["published"]]
    ]
    columns = [Column("corpus", "Corpus"), Column("method", "Method")]
    columns += [Column(metric, label(metric), better=_BETTER.get(metric, "high")) for metric in layout.metrics]
    return Grid(rows, columns, _caption(name, table), layout.best_within, name, absent="–")


def _named(value: Any) -> Any:
    """A value that names a row, as people read it."""
    return label(_SAME.get(value, value)) if isinstance(value, str) else value


def _caption(name: str, table: Mapping[str, Any]) -> str:
    measured = "Not of this run: the last trend run" if name in _OF_TREND_RUN else _OURS
    return f"{measured}, {table['corpus']}" + ("; the other columns as published" if table["published"] else "")


def _heading(part: str) -> str:
    return _HEADINGS.get(part, label(part))


def _thresholds(table: Mapping[str, Any]) -> list[str]:
    """Which thresholds were in use, which a sweep preferred, and which were chosen, each only where it is so."""
    sentences = []
    if table.get("in_use"):
        sentences.append(f"Thresholds in use: {_assignments(table['in_use'])}.")
    for name, choice in table.get("swept", {}).items():
        if choice["best"] is None:
            sentences.append(f"A sweep of {name} on the training videos gave no defined MOTA.")
            continue
        motas = dict(zip(choice["tried"], choice["MOTA"], strict=True))
        used, best = (f"{_plain(choice[key])} (MOTA {_mota(motas[choice[key]])})" for key in ("used", "best"))
        verdict = "the value in use is the best" if choice["best"] == choice["used"] else f"the best is {best}"
        sentences.append(f"In a sweep of {name} on the training videos, {verdict}; in use: {used}.")
    if table.get("chosen"):
        sentences.append(f"Chosen on the training videos: {_assignments(table['chosen'])}.")
    return sentences


def _mota(value: float | None) -> str:
    return value_text(value, "MOTA")


def _assignments(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {_plain(value)}" for name, value in values.items())


def _plain(value: Any) -> str:
    """A param as it was written."""
    return f"{value:g}" if isinstance(value, float) else str(value)
