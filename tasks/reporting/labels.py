"""Names and numbers of tables as people read them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from models.keypoints import POSEVAL_JOINTS

_LABELS: Final[Mapping[str, str]] = {
    "": "",
    "IDSW": "Identity switches",
    "tau_corr": "Affinity threshold (tau)",
    "min_similarity": "Smallest similarity",
    "head_bottom": "Neck",
    **{"Shou": "Shoulder", "Elb": "Elbow", "Wri": "Wrist", "Ankl": "Ankle"},
    **{"coco": "COCO", "posetrack": "PoseTrack", "coco_then_posetrack": "COCO, then PoseTrack"},
}
_PERCENT: Final = frozenset(
    {"mAP", "MOTA", "HOTA", "Head", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle", "Shou", "Elb", "Wri", "Ankl"}
)
"""Columns in percent, shown with one decimal."""
_SIDES: Final = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
JOINT_ORDER: Final = (
    *("head_top", "nose", "neck", "head_bottom"),
    *(f"{side}_{joint}" for joint in _SIDES for side in ("left", "right")),
    "total",
)
"""The joints of poseval from head to foot, and their total; the neck by both of its names."""
_RANKS: Final = {name: rank for rank, name in enumerate(JOINT_ORDER)}
_SMALL: Final = 0.005
"""Values below it need more than two decimals."""


def label(name: str) -> str:
    """The heading of a column: "Output keypoint threshold" for `output_keypoint_threshold`."""
    if name in _LABELS:
        return _LABELS[name]
    words = name.replace("_", " ")
    return words if words[:1].isupper() or words == "mAP" else words[:1].upper() + words[1:]


def is_percent(heading: str) -> bool:
    """Whether a column or a metric of this name is in percent."""
    return heading in _PERCENT


def time_text(moment: str) -> str:
    """A time in the form of ISO 8601, with a blank, and the zone UTC by its name."""
    return moment.replace("T", " ").replace("+00:00", " UTC")


def from_head_to_foot(joint: str) -> int:
    """Rank of a joint in the order of the body, by its name in a file; what is no joint comes first."""
    return _RANKS.get(joint, -1)


def joints_text(joints: Iterable[str]) -> str:
    """The names of joints in the order of the body, or that these are all."""
    names = sorted(joints, key=from_head_to_foot)
    return "all joints" if len(names) == len(POSEVAL_JOINTS) else ", ".join(label(name).lower() for name in names)


def decimals_of(heading: str, values: Iterable[Any]) -> int:
    """Decimals that all numbers of a column share: one of percentages, two of others, more for small ones."""
    known = [abs(value) for value in values if isinstance(value, float)]
    if is_percent(heading) or not known:
        return 1
    if heading == "Seconds" or max(known) >= 100:
        return 1 if max(known) < 1000 else 0
    if all(round(value, 1) == value for value in known):
        return 1
    return 4 if any(0 < value < _SMALL for value in known) else 2


def value_text(value: Any, column: str = "", decimals: int | None = None) -> str:
    """A cell: percentages with one decimal, other numbers with those of their column."""
    if value is None:
        return "undefined"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(label(str(entry)) for entry in value)
    if not isinstance(value, float):
        return str(value)
    return f"{value:.{decimals_of(label(column), [value]) if decimals is None else decimals}f}"


def per_person(count: float | None) -> float | None:
    """A count that is summed over joints, as persons: a person who is lost is lost with every joint."""
    return None if count is None else count / len(POSEVAL_JOINTS)


def counted(count: int, thing: str) -> str:
    """A number of things: "1 video", "2 videos"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
