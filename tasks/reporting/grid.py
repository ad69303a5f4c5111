"""Tables as the pages show them: columns with like digits, the best value marked, and the same rows as files."""

import base64
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from tasks.reporting.labels import decimals_of, label, value_text

Row = Mapping[str, Any]
_LATEX = str.maketrans(
    {char: f"\\{char}" for char in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
)


@dataclass(frozen=True)
class Column:
    """One column; its values have a unit, a corpus and a better direction where they have one."""

    key: str
    heading: str
    corpus: str = ""
    """Whose numbers these are; columns of one corpus stand under one heading."""
    better: Literal["", "high", "low"] = ""
    """Whether the largest or the smallest value is the best."""


@dataclass(frozen=True)
class Cell:
    """One value as text; `sort` orders the rows."""

    text: str
    sort: str
    kind: str
    """Style: number, tags, none (where there is no value), or nothing."""
    is_best: bool


@dataclass(frozen=True)
class Grid:
    """A table that the pages can show, sort and hand out."""

    rows: Sequence[Row]
    columns: Sequence[Column]
    caption: str = ""
    best_within: str = ""
    """Key of the column whose values separate what may be compared; empty where all rows may."""
    file_name: str = ""
    """Stem of the files that are offered; empty where none are."""
    absent: str = "undefined"
    """What stands where a row has no value."""

    @cached_property
    def cells(self) -> list[list[Cell]]:
        """Rows of cells, in the order of the columns."""
        decimals = {column.key: decimals_of(column.heading, self._values(column)) for column in self.columns}
        best = {column.key: self._best(column) for column in self.columns if column.better}
        return [
            [self._cell(row, at, column, decimals[column.key], best) for column in self.columns]
            for at, row in enumerate(self.rows)
        ]

    @property
    def corpora(self) -> list[tuple[str, int]]:
        """Names over neighbouring columns, each with their number; empty where no column has a corpus."""
        if not any(column.corpus for column in self.columns):
            return []
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.corpus:
                spans[-1] = (column.corpus, spans[-1][1] + 1)
            else:
                spans.append((column.corpus, 1))
        return spans

    @property
    def files(self) -> list[tuple[str, str, str]]:
        """Kind, file name and address of the table as JSON, CSV and LaTeX; the addresses hold the content."""
        if not self.file_name:
            return []
        content = {"JSON": self.json_text, "CSV": self.csv_text, "LaTeX": self.latex_text}
        kinds = {"JSON": ("json", "application/json"), "CSV": ("csv", "text/csv"), "LaTeX": ("tex", "text/plain")}
        return [
            (kind, f"{self.file_name}.{kinds[kind][0]}", _address(kinds[kind][1], text))
            for kind, text in content.items()
        ]

    def is_number(self, column: Column) -> bool:
        """Whether the values of a column are numbers, so that they stand right under each other."""
        known = [value for value in self._values(column) if value is not None]
        return column.key != self.columns[0].key and bool(known) and all(map(_is_number, known))

    def _values(self, column: Column) -> list[Any]:
        return [row.get(column.key) for row in self.rows]

    def _best(self, column: Column) -> set[int]:
        """Numbers of the rows with the best value, among those that may be compared and differ."""
        best: set[int] = set()
        for group in dict.fromkeys(row.get(self.best_within) for row in self.rows):
            known = {
                at: row[column.key]
                for at, row in enumerate(self.rows)
                if row.get(self.best_within) == group and isinstance(row.get(column.key), int | float)
            }
            if len(set(known.values())) > 1:
                wanted = max(known.values()) if column.better == "high" else min(known.values())
                best |= {at for at, value in known.items() if value == wanted}
        return best

    def _cell(self, row: Row, at: int, column: Column, decimals: int, best: Mapping[str, set[int]]) -> Cell:
        value = row.get(column.key)
        is_number = _is_number(value)
        kinds = ("number" if self.is_number(column) else "", "none" if value is None else "")
        kind = "tags" if isinstance(value, list | tuple) else " ".join(filter(None, kinds))
        text = value_text(value, column.heading, decimals) if value is not None else self.absent
        sort = "" if value is None else repr(value) if is_number else text
        return Cell(text, sort, kind, at in best.get(column.key, ()))

    def _headings(self) -> list[str]:
        return [f"{column.heading} ({column.corpus})" if column.corpus else column.heading for column in self.columns]

    @property
    def json_text(self) -> str:
        """Caption and rows as JSON, with all digits."""
        rows = [
            dict(zip(self._headings(), (row.get(column.key) for column in self.columns), strict=True))
            for row in self.rows
        ]
        return json.dumps({"caption": self.caption, "rows": rows}, indent=1)

    @property
    def csv_text(self) -> str:
        """The rows as CSV, with all digits."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self._headings())
        writer.writerows([row.get(column.key) for column in self.columns] for row in self.rows)
        return text.getvalue()

    @property
    def latex_text(self) -> str:
        """The rows as a LaTeX tabular, as the page shows them."""

        def joined(cells: Iterable[str]) -> str:
            return f"{' & '.join(cells)} \\\\"

        kinds = "".join("r" if self.is_number(column) else "l" for column in self.columns)
        lines = [
            f"\\begin{{tabular}}{{{kinds}}}",
            "\\hline",
            joined(_latex(name) for name in self._headings()),
            "\\hline",
        ]
        for row in self.cells:
            texts = ("--" if cell.text == self.absent else _latex(cell.text) for cell in row)
            lines.append(
                joined(f"\\textbf{{{text}}}" if cell.is_best else text for cell, text in zip(row, texts, strict=True))
            )
        return "\n".join([f"% {self.caption}", *lines, "\\hline", "\\end{tabular}"]) + "\n"


def grid_of(rows: Sequence[Row], caption: str = "", *, file_name: str = "", absent: str = "undefined") -> Grid:
    """A table of dicts with like keys, which become its headings."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Grid(rows, [Column(name, label(name)) for name in names], caption, file_name=file_name, absent=absent)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _latex(text: str) -> str:
    return text.translate(_LATEX)


def _address(kind: str, text: str) -> str:
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"
