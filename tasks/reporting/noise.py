"""The figure of `corrtrack evaluate-noise`: for which poses and speeds each tracking method holds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tasks.reporting.charts import Chart, panels

Row = Mapping[str, Any]
REPORT: Final = "noise.json"
_METRICS: Final = {"MOTA": "MOTA, percent", "person_switches": "person switches"}
_SWEEPS: Final = {"noise_heads": "noise, heads", "dropout": "missing keypoints"}


def noise_figure(reports: Path) -> dict[str, str] | None:
    """Chart and caption from the file below `reports`; None where it is absent."""
    path = reports / REPORT
    if not path.is_file():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return {"chart": panels(_grid(content["rows"])), "caption": _caption(content)}


def _grid(rows: Sequence[Row]) -> list[list[Chart]]:
    """A row of panels for each metric and kind of disturbance, a column for each stride."""
    strides = sorted({row["stride"] for row in rows})
    return [
        [_panel(rows, stride, metric, sweep) for stride in strides]
        for sweep in _SWEEPS
        if len({row[sweep] for row in rows}) > 1
        for metric in _METRICS
    ]


def _panel(rows: Sequence[Row], stride: int, metric: str, sweep: str) -> Chart:
    """The rows in which nothing but `sweep` disturbs the poses."""
    others = [name for name in _SWEEPS if name != sweep]
    chosen = [row for row in rows if row["stride"] == stride and not any(row[name] for name in others)]
    series: dict[str, list[tuple[float, float]]] = {}
    for row in sorted(chosen, key=lambda row: row[sweep]):
        if row[metric] is not None:
            series.setdefault(row["method"], []).append((row[sweep], row[metric]))
    title = "every frame" if stride == 1 else f"1 of {stride} frames"
    return Chart(
        title,
        _SWEEPS[sweep],
        _METRICS[metric],
        {row["method"]: series[row["method"]] for row in chosen if row["method"] in series},
    )


def _caption(content: Mapping[str, Any]) -> str:
    used = ", ".join(f"{name} {value}" for name, value in content["thresholds"].items())
    return (
        f"True poses of {content['persons']} persons in {content['frames']} frames of {content['videos']} videos, out "
        f"of {content['corpus']}, with Gaussian noise or missing keypoints, tracked by each method at the same "
        f"thresholds ({used}). Noise costs MOTA whatever the tracker, since keypoints beyond half a head count as "
        "missed and as false; person switches count persons whose track changes, and are fewer where fewer poses are "
        "tracked at all, which the file counts too."
    )
