"""Names and numbers of tables as people read them."""

from collections.abc import Mapping
from typing import Any, Final

_LABELS: Final[Mapping[str, str]] = {
    "": "",
    "IDSW": "Identity switches",
    "tau_corr": "Affinity threshold (tau)",
    "min_similarity": "Smallest similarity",
    "head_bottom": "Neck",
}
_PERCENT: Final = frozenset({"mAP", "MOTA", "HOTA", "Head", "Shou", "Elb", "Wri", "Hip", "Knee", "Ankl"})
"""Columns in percent, shown with one decimal."""
_SIDES: Final = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
JOINT_ORDER: Final = (
    *("head_top", "nose", "head_bottom"),
    *(f"{side}_{joint}" for joint in _SIDES for side in ("left", "right")),
    "total",
)
"""The joints of poseval from head to foot, and their total."""


def label(name: str) -> str:
    """The heading of a column: "Output keypoint threshold" for `output_keypoint_threshold`."""
    if name in _LABELS:
        return _LABELS[name]
    words = name.replace("_", " ")
    return words if words[:1].isupper() or words == "mAP" else words[:1].upper() + words[1:]


def value_text(value: Any, column: str = "") -> str:
    """A cell: percentages with one decimal, other fractions with three significant digits."""
    if value is None:
        return "undefined"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    if column in _PERCENT or abs(value) >= 100:
        return f"{value:.1f}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{value:.3g}"


def counted(count: int, thing: str) -> str:
    """A number of things: "1 video", "2 videos"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
