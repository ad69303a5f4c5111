"""The page of a comparison, of the same parts as the report: every table as rows that people read."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.reporting.grid import Grid, grid_of
from tasks.reporting.html import render
from tasks.reporting.labels import counted, from_head_to_foot, is_percent, joints_text, label, value_text

Row = Mapping[str, Any]
_ANSWERS = (
    "Annotated joints by how they are answered, first run → second. Good: keypoint similarity of at least 0.85. "
    "Jitter: 0.5 to 0.85. Inversion: near the same person's mirrored joint. Swap: near that joint, or the mirrored "
    "joint, of another person. Miss: near none of them. Absent: not predicted."
)


def comparison_page(content: Mapping[str, Any], clips: Sequence[Row], moments: Sequence[Row]) -> str:
    """HTML of a comparison; `clips` lie beside the page, `moments` are those that are shown."""
    errors = [{"error": kind, **counts} for kind, counts in content["errors"].items()]
    return render(
        "comparison.html",
        **{name: content[name] for name in ("first", "second", "tracks", "left_out")},
        videos=counted(len(content["videos"]), "video"),
        origins=content["origins"],
        clips=clips,
        differences={scope: _differences(content["metrics"], scope) for scope in ("total", "video", "tag", "joint")},
        params=grid_of([_param(row) for row in content["params"]], "Params that differ"),
        stages=grid_of([_stage(row) for row in content["stages"]], "Stages that differ"),
        errors=grid_of(
            errors, "Counted in joints. New: only the second run makes them. Gone: only the first.", file_name="errors"
        ),
        moments=grid_of([_moment(row) for row in moments], "Moments that changed most"),
        keypoints=grid_of([_answers(row) for row in _by_joint(content["keypoints"], "joint")], _ANSWERS),
    )


def _differences(metrics: Sequence[Row], scope: str) -> Grid:
    heading = {} if scope == "total" else {scope: ""}
    chosen = [row for row in metrics if row["scope"] == scope]
    rows = [
        {
            **{name: label(row["name"]) if scope != "video" else row["name"] for name in heading},
            **({"videos": row["videos"]} if scope != "total" else {}),
            "metric": label(row["metric"]),
            **{name: _shown(row[name], row["metric"]) for name in ("first", "second", "difference")},
            "95 % interval": _interval(row),
            "verdict": row["verdict"],
        }
        for row in (_by_joint(chosen, "name") if scope == "joint" else chosen)
    ]
    title = "All videos" if scope == "total" else f"By {scope}"
    return grid_of(rows, title, file_name=f"differences_{scope}")


def _by_joint(rows: Sequence[Row], key: str) -> list[Row]:
    """Rows from head to foot; those whose `key` is no joint first, in their order."""
    return sorted(rows, key=lambda row: from_head_to_foot(row[key]))


def _shown(value: float | None, metric: str) -> float | int | None:
    """A percentage to a tenth, a count as it is."""
    return None if value is None else round(value, 1) if is_percent(metric) or value % 1 else int(value)


def _interval(row: Row) -> str:
    return "not computed" if row["low"] is None else f"{row['low']:.1f} to {row['high']:.1f}"


def _param(row: Row) -> Row:
    return {"key": row["key"], "first": str(row["first"]), "second": str(row["second"])}


def _stage(row: Row) -> Row:
    return {
        "stage": row["stage"],
        "own params": "differ" if row["params"] else "equal",
        "code": ", ".join(row["code"]) or "equal",
        "inputs": ", ".join(row["inputs"]) or "equal",
        "results": "differ" if row["results"] else "equal",
    }


def _moment(row: Row) -> Row:
    return {
        "video": row["video_id"],
        "frame": row["frame_index"],
        "change": row["change"],
        "error": row["kind"],
        **{name: "" if row[name] is None else value_text(row[name]) for name in ("person", "track")},
        "joints": joints_text(row["joints"]),
    }


def _answers(row: Row) -> Row:
    """The counts of a joint, where they differ as first → second."""
    return {"joint": label(row["joint"]) or "All"} | {
        name: count if row["second"][name] == count else f"{count} → {row['second'][name]}"
        for name, count in row["first"].items()
    }
