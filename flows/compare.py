"""`corrtrack compare`: two finished runs side by side, on the screen and as a page."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flows.command_records import record_command, run_source
from flows.runtime.recorded_runs import find_version
from flows.runtime.repository import Repository
from tasks.comparison.report import Comparison
from tasks.errors import InputError

_CONDITION: Final = re.compile(
    r"\s*(?P<metric>mAP|MOTA|IDSW|misses|false positives)\s*(?P<sign>[<>])\s*(?P<limit>[-+]?\d+(\.\d+)?)\s*"
)


@dataclass(frozen=True)
class Condition:
    """A limit on the difference of a metric, such as `MOTA < -0.5`: the second run lost more than half a point."""

    metric: str
    is_below: bool
    limit: float

    def holds(self, content: dict[str, Any]) -> bool:
        """Whether the difference in total is beyond the limit; never where it is undefined."""
        row = next(row for row in content["metrics"] if row["scope"] == "total" and row["metric"] == self.metric)
        change = row["difference"]
        return change is not None and (change < self.limit if self.is_below else change > self.limit)


def parse_condition(text: str) -> Condition:
    """The condition in a text such as `MOTA < -0.5`.

    Raises:
        InputError: it is no condition.
    """
    parts = _CONDITION.fullmatch(text)
    if parts is None:
        raise InputError(
            f"--fail-if {text!r}: expected a metric (mAP, MOTA, IDSW, misses, false positives), < or >, and a number, "
            'such as "MOTA < -0.5"'
        )
    return Condition(parts["metric"], parts["sign"] == "<", float(parts["limit"]))


def compare(
    repository: Repository, first: str, second: str, *, kind: str, resamples: int
) -> tuple[Path, dict[str, Any]]:
    """Compare two runs and write `reports/compare/FIRST..SECOND.html` with JSON and clips beside it.

    Args:
        repository: the checkout.
        first: a run, as `find_version` reads it.
        second: the run that is judged.
        kind: which tracks: tracks or merged tracks.
        resamples: draws of the bootstrap.

    Returns:
        The page, and the comparison as JSON values.

    Raises:
        InputError: one of the runs is not there, or they cannot be compared.
    """
    versions = find_version(repository, first), find_version(repository, second)
    comparison = Comparison(*versions, kind=kind, resamples=resamples)
    name = re.sub(r"[^\w.=+-]+", "_", f"{versions[0].name}..{versions[1].name}")
    folder = repository.workspace.reports / "compare" / name
    page = comparison.write(folder)
    files = [page, page.with_name(f"{name}.json"), *(path for path in folder.glob("*") if path.is_file())]
    record_command(repository.root, "compare", files, [run_source(repository, version) for version in versions])
    return page, comparison.content()
