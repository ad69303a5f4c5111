"""The figures of `corrtrack evaluate-noise`: for which poses and speeds each tracking method holds."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tasks.reporting.charts.lines import LineChart
from tasks.reporting.run_facts import Absent, RunFacts

Row = Mapping[str, Any]
REPORT: Final = "noise.json"
_METRICS: Final = {"MOTA": "MOTA, percent", "person_switches": "person switches"}
_SWEEPS: Final = {"noise_heads": "noise, heads", "dropout": "share of missing keypoints"}
_TITLES: Final = {"noise_heads": "Noisy keypoints", "dropout": "Missing keypoints"}
_METHODS: Final = {"OKS": 0, "Optical flow": 1, "Re-ID": 2, "Equation 6": 3, "Propagated OKS": 4}
"""Style of each method, that of the other charts where they share one."""


def noise(run: RunFacts) -> dict[str, Any] | Absent:
    """Charts and caption from the file in the folder of reports."""
    path = run.workspace.reports / REPORT
    if not path.is_file():
        return Absent("The accuracy against noise of the poses was not measured (corrtrack evaluate-noise does so).")
    content = json.loads(path.read_text(encoding="utf-8"))
    groups = _groups(content["rows"])
    legend = next((charts[0].legend for charts in groups.values()), [])
    return {"groups": groups, "legend": legend, "caption": _caption(content), "thresholds": content["thresholds"]}


def _groups(rows: Sequence[Row]) -> dict[str, list[LineChart]]:
    """For each kind of disturbance and metric a chart of each stride."""
    strides = sorted({row["stride"] for row in rows})
    return {
        f"{_TITLES[sweep]}: {_METRICS[metric]}": [_chart(rows, stride, metric, sweep) for stride in strides]
        for sweep in _SWEEPS
        if len({row[sweep] for row in rows}) > 1
        for metric in _METRICS
    }


def _chart(rows: Sequence[Row], stride: int, metric: str, sweep: str) -> LineChart:
    """The rows in which nothing but `sweep` disturbs the poses."""
    others = [name for name in _SWEEPS if name != sweep]
    chosen = [row for row in rows if row["stride"] == stride and not any(row[name] for name in others)]
    series: dict[str, list[tuple[float, float]]] = {}
    for row in sorted(chosen, key=lambda row: row[sweep]):
        if row[metric] is not None:
            series.setdefault(row["method"], []).append((row[sweep], row[metric]))
    title = "Every frame" if stride == 1 else f"1 of {stride} frames"
    in_order = {row["method"]: series[row["method"]] for row in chosen if row["method"] in series}
    return LineChart(title, _SWEEPS[sweep], _METRICS[metric], in_order, styles=_METHODS, width=280)


def _caption(content: Mapping[str, Any]) -> str:
    return (
        f"True poses of {content['persons']} persons in {content['frames']} frames of {content['videos']} videos, out "
        f"of {content['corpus']}, with Gaussian noise or missing keypoints, tracked by each method at the same "
        "thresholds. Noise costs MOTA whatever the tracker, since keypoints beyond half a head count as "
        "missed and as false; person switches count persons whose track changes, and are fewer where fewer poses are "
        "tracked at all, which the file counts too."
    )
