"""The files of `corrtrack score`: the official names, keys and joint order."""

from collections.abc import Sequence as Many
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from models.arrays import FloatArray
from models.keypoints import POSEVAL_JOINTS
from models.metrics.average_precision import AveragePrecision
from models.metrics.clear_mot import ClearMot, MotCounts, clear_mot
from models.metrics.hota import pose_hota_of_sequence
from tasks.formats.json_files import make_folder, write_json
from tasks.out_folder import remove_written
from tasks.scoring.evaluation import SequenceScores
from tasks.scoring.notices import Notice
from tasks.scoring.totals import Totals, total

JOINT_NAMES: Final = {
    **{str(index): "neck" if name == "head_bottom" else name for index, name in enumerate(POSEVAL_JOINTS)},
    str(len(POSEVAL_JOINTS)): "total",
}
"""poseval's names by its indices, the 16th entry of every list last."""
_COUNTS: Final = ("misses", "switches", "false_positives", "objects", "detections")


def write_results(
    folder: Path, scores: Many[SequenceScores], totals: Totals, notices: Many[Notice], *, per_sequence: bool
) -> list[Path]:
    """Write what is defined, remove what an earlier run left under the same names, return the written files."""
    files = {f"{name}.json": value for name, value in _total_files(totals).items()}
    for part in scores if per_sequence else ():
        files |= {f"{part.name}_{name}_metrics.json": value for name, value in _sequence_files(part).items()}
    files["warnings.json"] = {
        "warnings": [asdict(notice) for notice in notices],
        "undefined": totals.problems,
    }
    make_folder(folder)
    for name in _all_names(scores) - files.keys():
        remove_written(folder / name)
    for name, value in files.items():
        write_json(folder / name, value)
    return [folder / name for name in files]


def ap_json(ap: AveragePrecision) -> dict[str, Any]:
    """Content of an AP file."""
    return {"ap": ap.ap.tolist(), "pre": ap.precision.tolist(), "rec": ap.recall.tolist(), "names": JOINT_NAMES}


def mot_json(mot: ClearMot, prefix: str = "") -> dict[str, Any]:
    """Content of a MOT file."""
    lists = {"mota": mot.mota, "motp": mot.motp, "pre": mot.precision, "rec": mot.recall}
    return {**{f"{prefix}{name}": values.tolist() for name, values in lists.items()}, "names": JOINT_NAMES}


def hota_json(hota: dict[str, FloatArray], prefix: str = "") -> dict[str, float]:
    """Content of a HOTA file: the total column."""
    return {f"{prefix}{name}": float(values[-1]) for name, values in hota.items()}


def counts_json(counts: MotCounts) -> dict[str, list[int]]:
    """Content of counts.json."""
    return {name: getattr(counts, name).tolist() for name in _COUNTS}


def _total_files(totals: Totals) -> dict[str, Any]:
    files: dict[str, Any] = {}
    if totals.ap is not None:
        files["total_AP_metrics"] = ap_json(totals.ap)
    if totals.mot is not None and totals.counts is not None:
        files["total_MOT_metrics"] = mot_json(totals.mot)
        files["counts"] = counts_json(totals.counts)
    if totals.hota is not None:
        files["total_HOTA_metrics"] = hota_json(totals.hota)
    if totals.corrected_mot is not None and totals.corrected_counts is not None:
        files["corrected_MOT_metrics"] = mot_json(totals.corrected_mot, "corrected_")
        files["corrected_counts"] = counts_json(totals.corrected_counts)
    if totals.corrected_hota is not None:
        files["corrected_HOTA_metrics"] = hota_json(totals.corrected_hota, "corrected_")
    return files


def _sequence_files(part: SequenceScores) -> dict[str, Any]:
    sequence_total = total([part])
    files: dict[str, Any] = {}
    if sequence_total.ap is not None:
        files["AP"] = ap_json(sequence_total.ap)
    if part.mot is not None:
        files["MOT"] = mot_json(clear_mot(part.mot))
    if part.hota is not None:
        files["HOTA"] = hota_json(pose_hota_of_sequence(part.hota))
    return files


def _all_names(scores: Many[SequenceScores]) -> set[str]:
    kinds = ("AP", "MOT", "HOTA")
    names = {f"{scope}_{kind}_metrics.json" for scope in ("total", "corrected") for kind in kinds}
    names |= {f"{part.name}_{kind}_metrics.json" for part in scores for kind in kinds}
    return names | {"counts.json", "corrected_counts.json"}
