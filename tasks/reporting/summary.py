"""reports/summary.md: the top of the page for a terminal or a pull request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tasks.reporting.grid import Grid, grid_of
from tasks.reporting.run_facts import Absent, RunFacts
from tasks.reporting.sections.paper import PaperTable, paper
from tasks.reporting.sections.result import counts, limits, percents, rejects, scope_sentence, what_ran
from tasks.reporting.sections.videos import video_grid


def render_summary(run: RunFacts) -> str:
    """Markdown: headline, errors, what the paper's tables show, rejects, and what the numbers do not prove."""
    parts = ["# corrtrack", _listed(f"{name}: {text}" for name, text in what_ran(run).items())]
    if run.is_scored:
        parts += [scope_sentence(run), _table(grid_of(_headline(run))), _table(grid_of(counts(run)))]
    else:
        parts += ["No ground truth was scored, so there is no mAP and no MOTA.", _table(video_grid(run))]
    tables = paper(run)
    if not isinstance(tables, Absent):
        parts += ["## The paper's tables", _listed(_trend(table) for table in tables["tables"] if table.trend)]
    rows = rejects(run)
    parts += ["## Rejected input", _table(grid_of(rows)) if rows else "No input was rejected."]
    parts += ["## What these numbers do not prove", _listed(limits(run))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _headline(run: RunFacts) -> Sequence[Mapping[str, Any]]:
    return [
        {
            "metric": metric["name"],
            "tracks": value["tracks"],
            "percent": "undefined" if value["value"] is None else f"{value['value']:.1f}",
            "95 % interval": "not computed"
            if value["bounds"] is None
            else f"{value['bounds'][0]:.1f} to {value['bounds'][1]:.1f}",
            "ceiling": "not computed" if metric["ceiling"] is None else f"{metric['ceiling']:.1f}",
        }
        for metric in percents(run)
        for value in metric["values"]
    ]


def _trend(table: PaperTable) -> str:
    name = table.title.partition(".")[0]
    return f"{name}: {table.trend.statement} **{table.trend.verdict}**. {table.trend.reason}" if table.trend else name


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {_escaped(line)}" for line in lines)


def _table(grid: Grid) -> str:
    """A table of Markdown, numbers to the right."""
    lines = [_row(column.heading for column in grid.columns)]
    lines.append(f"|{'|'.join('---:' if grid.is_number(column) else '---' for column in grid.columns)}|")
    return "\n".join([*lines, *(_row(cell.text for cell in row) for row in grid.cells)])


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(_escaped(text).replace('|', chr(92) + '|') for text in texts)} |"


def _escaped(text: str) -> str:
    """Text of a file as text: on a single line, and no HTML."""
    return " ".join(text.split()).replace("<", "&lt;")
