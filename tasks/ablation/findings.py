"""What the rows of a table show, as sentences that are computed from the rows."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

Row: TypeAlias = Mapping[str, Any]
_NAMES: Final = {"IDSW": "the identity switches"}
_METHOD: Final = "method"
_OURS: Final = "Correspondences"
_RELATIONS: Final = {"higher": operator.gt, "lower": operator.lt, "equal": operator.eq}
_MOTA: Final = {"unit": "of MOTA", "higher": "above", "lower": "below", "equal": "level with"}
_IDSW: Final = {"unit": "identity switches", "higher": "more than", "lower": "fewer than", "equal": "as many as"}


def findings(number: int, rows: Sequence[Row], standalone: Sequence[Row] = (), *, threshold: float) -> list[str]:
    """Sentences on table `number`.

    Args:
        number: 2 to 7; there is nothing to compare in table 4.
        rows: of this run.
        standalone: for table 2, the standalone accuracy of the methods.
        threshold: `track.output_keypoint_threshold`, for table 3.
    """
    if not rows:
        return []
    if number == 2:
        return [*_against_baselines(rows), *_maps(standalone)]
    if number == 3:
        return _recovery(rows, threshold)
    if number == 5:
        return [effect("Merging", *(_row(rows, "method", name) for name in ("this run, merged", "this run")))]
    if number == 6:
        known = [row for row in rows if row["MOTA"] is not None]
        best = max(known, key=lambda row: row["MOTA"], default=None)
        if best is None:
            return []
        return [f"MOTA is best at an affinity threshold of {best['tau_corr']:g}: {best['MOTA']:.2f}."]
    if number == 7:
        full = _row(rows, "design", "correspondence tracking")
        parts = ("refinement", "duplicate removal")
        return [effect(part.capitalize(), full, _row(rows, "design", f"without {part}")) for part in parts]
    return []


def effect(subject: str, with_it: Row, without_it: Row) -> str:
    """How a part of the design changes each metric that both rows define: "Merging raises MOTA by 0.1 (1.0 to 1.1)"."""
    parts = []
    for metric in ("mAP", "MOTA", "IDSW"):
        before, after = without_it.get(metric), with_it.get(metric)
        if before is None or after is None:
            continue
        digits = 0 if metric == "IDSW" else 2
        change, name = round(after, digits) - round(before, digits), _NAMES.get(metric, metric)
        span = f"({before:.{digits}f} to {after:.{digits}f})"
        if not change:
            parts.append(f"leaves {name} at {after:.{digits}f}")
        else:
            parts.append(f"{'raises' if change > 0 else 'lowers'} {name} by {abs(change):.{digits}f} {span}")
    return f"{subject} {_list(parts)}." if parts else f"{subject}: no metric is defined."


def _recovery(rows: Sequence[Row], threshold: float) -> list[str]:
    values = sorted({row["output_keypoint_threshold"] for row in rows})
    pairs = {
        value: [
            next(row for row in rows if (row["output_keypoint_threshold"], row["poses"]) == (value, poses))
            for poses in ("detected and recovered", "detected")
        ]
        for value in values
    }
    sentences = []
    for metric in ("mAP", "MOTA"):
        changes = [a[metric] - b[metric] for a, b in pairs.values() if None not in (a[metric], b[metric])]
        rises, falls = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
        sentences.append(f"raises {metric} at {rises} and lowers it at {falls} of {len(changes)} thresholds")
    whole = [f"Recovery of missed poses {_list(sentences)}."]
    if threshold in pairs:
        whole.append(effect(f"At the threshold in use, {threshold:g}, recovery", *pairs[threshold]))
    return whole


def _against_baselines(rows: Sequence[Row]) -> list[str]:
    sentences = []
    for boxes in dict.fromkeys(row["boxes"] for row in rows):
        of_boxes = [row for row in rows if row["boxes"] == boxes]
        ours = _row(of_boxes, "method", _OURS)
        others = [row for row in of_boxes if row is not ours]
        parts = [_ranked(ours, others, "MOTA", _MOTA, digits=2), _ranked(ours, others, "IDSW", _IDSW)]
        sentences.append(f"With {boxes} boxes, correspondences have {'; and '.join(part for part in parts if part)}.")
    return sentences


def _ranked(ours: Row, others: Sequence[Row], metric: str, words: Mapping[str, str], digits: int = 0) -> str:
    """Our value and, by relation, the methods that it is compared with, each with its value."""
    value = ours[metric]
    if value is None:
        return ""
    groups = [f"{value:.{digits}f} {words['unit']}"]
    for name, holds in _RELATIONS.items():
        known = [row for row in others if row[metric] is not None and holds(value, row[metric])]
        if known:
            groups.append(f"{words[name]} {_list([f'{row[_METHOD]} ({row[metric]:.{digits}f})' for row in known])}")
    return ", ".join(groups)


def _maps(standalone: Sequence[Row]) -> list[str]:
    shares = {row["method"][-1]: row["value"] for row in standalone if row["method"].startswith(_OURS)}
    if set(shares) != {"S", "C"}:
        return []
    refined, siamese = 100 * shares["C"], 100 * shares["S"]
    relation = "more than" if refined > siamese else "fewer than" if refined < siamese else "as many as"
    return [
        f"The refined maps C find {refined:.1f} % of the warped keypoints, {relation} the maps S ({siamese:.1f} %)."
    ]


def _row(rows: Sequence[Row], key: str, value: str) -> Row:
    return next(row for row in rows if row[key] == value)


def _list(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
