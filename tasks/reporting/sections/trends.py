"""What each table of the paper is there to show, and whether the rows of this run show it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Row = Mapping[str, Any]
Verdict = Literal["seen", "partly seen", "not seen", "not comparable"]
_LOW_IMPACT: Final = 0.5
"""Points of MOTA; the paper's own table moves by 0.1."""


@dataclass(frozen=True)
class TrendVerdict:
    """One statement of the paper and what the rows say about it; there are no intervals behind a verdict."""

    statement: str
    verdict: Verdict
    reason: str


def trend_of(table: str, rows: Sequence[Row]) -> TrendVerdict | None:
    """The trend of a table, by its name in reports/tables; None where it has none."""
    judge = _JUDGES.get(table)
    return judge(rows) if judge and rows else None


def _verdict(holds: Sequence[bool]) -> Verdict:
    return "seen" if holds and all(holds) else "partly seen" if any(holds) else "not seen"


def _sentence(reasons: Sequence[str]) -> str:
    text = "; ".join(reasons)
    first = text if text.startswith("mAP") else f"{text[:1].upper()}{text[1:]}"
    return f"{first}." if text else "No metric is defined."


def _methods(rows: Sequence[Row]) -> TrendVerdict:
    statement = "Correspondences have the highest MOTA and the fewest identity switches, with either kind of boxes."
    holds, reasons = [], []
    for boxes in dict.fromkeys(row["boxes"] for row in rows):
        of_boxes = [row for row in rows if row["boxes"] == boxes]
        ours = next((row for row in of_boxes if row["method"] == "Correspondences"), None)
        for metric, name, sign in (("MOTA", "MOTA", -1), ("IDSW", "switches", 1)):
            if ours is None or ours[metric] is None:
                continue
            values = [row[metric] for row in of_boxes if row[metric] is not None]
            rank = 1 + sum(sign * value < sign * ours[metric] for value in values)
            holds.append(rank == 1)
            reasons.append(f"{boxes} boxes: rank {rank} of {len(values)} by {name}")
    return TrendVerdict(statement, _verdict(holds), _sentence(reasons))


def _recovery(rows: Sequence[Row]) -> TrendVerdict:
    statement = "Recovering missed poses raises mAP and MOTA at every output threshold."
    values: dict[tuple[str, str], dict[float, float]] = {}
    for row in rows:
        for metric in ("mAP", "MOTA"):
            if row[metric] is not None:
                values.setdefault((row["poses"], metric), {})[row["output_keypoint_threshold"]] = row[metric]
    holds, reasons = [], []
    for metric in ("mAP", "MOTA"):
        before, after = (values.get((poses, metric), {}) for poses in ("detected", "detected and recovered"))
        rises = [after[at] > value for at, value in before.items() if at in after]
        holds += rises
        reasons.append(f"{metric} rises at {sum(rises)} of {len(rises)} thresholds")
    return TrendVerdict(statement, _verdict(holds), _sentence(reasons))


def _pose_estimation(rows: Sequence[Row]) -> TrendVerdict:
    return TrendVerdict(
        "Detected and recovered poses are level with the best multi-frame systems.",
        "not comparable",
        "The other systems were not run on this corpus; their rows are of PoseTrack.",
    )


def _merging(rows: Sequence[Row]) -> TrendVerdict:
    merged, plain = (
        next((row for row in rows if row["method"] == name), {}) for name in ("this run, merged", "this run")
    )
    return _raised("Merging raises MOTA.", [("merging", merged, plain)], least=0.0, with_switches=False)


def _threshold(rows: Sequence[Row]) -> TrendVerdict:
    statement = "The threshold of the affinities has a low impact: 0.1 points of MOTA between 0.1 and 0.5."
    values = [row["MOTA"] for row in rows if row["MOTA"] is not None and row["tau_corr"] >= 0.1]
    if not values:
        return TrendVerdict(statement, "not comparable", "No threshold from 0.1 on has a defined MOTA.")
    span = max(values) - min(values)
    return TrendVerdict(
        statement,
        _verdict([span <= _LOW_IMPACT]),
        f"MOTA moves by {span:.2f} points between 0.1 and the largest value.",
    )


def _design(rows: Sequence[Row]) -> TrendVerdict:
    of_design = {row["design"]: row for row in rows}
    full = of_design.get("correspondence tracking", {})
    parts = [(part, full, of_design.get(f"without {part}", {})) for part in ("refinement", "duplicate removal")]
    statement = "Without refinement or duplicate removal, MOTA falls by at least 1 point and switches rise."
    return _raised(statement, parts, least=1.0, with_switches=True)


def _raised(
    statement: str, parts: Sequence[tuple[str, Row, Row]], *, least: float, with_switches: bool
) -> TrendVerdict:
    """Whether each part raises MOTA, by at least so many points, and lowers the switches."""
    holds, reasons = [], []
    for name, with_it, without_it in parts:
        after, before = with_it.get("MOTA"), without_it.get("MOTA")
        if after is None or before is None:
            continue
        change = round(after, 2) - round(before, 2)  # of the values that the findings name
        holds.append(change >= least and change > 0)
        reasons.append(f"{name}: MOTA {change:+.2f}")
        fewer, more = with_it.get("IDSW"), without_it.get("IDSW")
        if with_switches and fewer is not None and more is not None:
            holds.append(fewer < more)
            reasons[-1] += f", switches {fewer - more:+d}"
    return TrendVerdict(statement, _verdict(holds), _sentence(reasons))


_JUDGES: Final[Mapping[str, Callable[[Sequence[Row]], TrendVerdict]]] = {
    "table_2": _methods,
    "table_3": _recovery,
    "table_4": _pose_estimation,
    "table_5": _merging,
    "table_6": _threshold,
    "table_7": _design,
}
