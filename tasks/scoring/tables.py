"""Scores as people read them: body parts instead of joints, one decimal."""

from typing import Final

import numpy as np

from models.arrays import FloatArray
from models.keypoints import POSEVAL_JOINTS
from tasks.scoring.totals import Totals

_PARTS: Final = ("Head", "Shou", "Elb", "Wri", "Hip", "Knee", "Ankl")
_HEAD: Final = ("head_top", "head_bottom", "nose")
_LIMBS: Final = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_ROWS_BY_PART: Final = tuple(
    [POSEVAL_JOINTS.index(name) for name in names]
    for names in (_HEAD, *((f"right_{limb}", f"left_{limb}") for limb in _LIMBS))
)


def by_part(values: FloatArray) -> dict[str, float]:
    """Means over the joints of each body part and the total, of a (16,) list; NaN in a part makes the part NaN."""
    parts = {part: float(np.mean(values[rows])) for part, rows in zip(_PARTS, _ROWS_BY_PART, strict=True)}
    return {**parts, "Total": float(values[-1])}


def metric_rows(totals: Totals) -> list[tuple[str, dict[str, float]]]:
    """One row per metric that is defined: its name and its value by body part and in total."""
    named: list[tuple[str, FloatArray]] = []
    if totals.ap is not None:
        named.append(("AP", totals.ap.ap))
    if totals.mot is not None:
        mot = totals.mot
        named += [("MOTA", mot.mota), ("MOTP", mot.motp), ("Prec", mot.precision), ("Rec", mot.recall)]
    if totals.hota is not None:
        named += [(name, totals.hota[name]) for name in ("HOTA", "FA-HOTA", "DetA", "AssA", "FragA", "LocA")]
    if totals.corrected_mot is not None:
        corrected = totals.corrected_mot
        named += [("corrected MOTA", corrected.mota), ("corrected MOTP", corrected.motp)]
    if totals.corrected_hota is not None:
        named += [(f"corrected {name}", totals.corrected_hota[name]) for name in ("HOTA", "FA-HOTA")]
    return [(name, by_part(values)) for name, values in named]


def latex(totals: Totals) -> str:
    """The paper's columns: Table 4 (AP by body part) and Tables 2, 5 and 7 (mAP, MOTA, switches), ready to paste."""
    lines = []
    if totals.ap is not None:
        lines.append(r"Method & Head & Shoulder & Elbow & Wrist & Hip & Knee & Ankle & mAP \\")
        lines.append(_latex_row(list(by_part(totals.ap.ap).values())))
    if totals.mot is not None and totals.counts is not None:
        mota = by_part(totals.mot.mota)
        lines.append(r"Method & Head & Shoulder & Elbow & Wrist & Hip & Knee & Ankle & MOTA & MOTP & Prec & Rec \\")
        others = (totals.mot.motp, totals.mot.precision, totals.mot.recall)
        lines.append(_latex_row([*mota.values(), *(float(values[-1]) for values in others)]))
        ap = float(totals.ap.ap[-1]) if totals.ap is not None else float("nan")
        lines.append(r"Method & mAP & MOTA & IDSW \\")
        switches = int(totals.counts.switches.sum())
        lines.append(_latex_row([ap, mota["Total"]]).replace(r" \\", rf" & {switches} \\"))
    if totals.hota is not None:
        names = ("DetA", "AssA", "FragA", "LocA", "HOTA", "FA-HOTA")
        lines.append(f"Method & {' & '.join(names)} \\\\")
        lines.append(_latex_row([float(totals.hota[name][-1]) for name in names]))
    return "\n".join(lines)


def _latex_row(values: list[float]) -> str:
    cells = ("--" if np.isnan(value) else f"{value:.1f}" for value in values)
    return f"Ours & {' & '.join(cells)} \\\\"
