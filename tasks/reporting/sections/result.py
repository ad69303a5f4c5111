"""The top of the page: what ran, the headline with intervals and ceiling, and what these numbers do not prove."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from tasks.code_files import REPOSITORY
from tasks.params.loading import parse_params
from tasks.params.profiles import DEMO, profile_names, profile_text
from tasks.progress.rejects import grouped
from tasks.reporting import gather
from tasks.reporting.charts.bars import gauge
from tasks.reporting.gather import Row
from tasks.reporting.labels import counted, label, per_person
from tasks.reporting.origin import last_stage
from tasks.reporting.run_facts import RunFacts

_PERCENTS: Final = {
    "mAP": "are keypoints where they should be? Mean average precision over the joints",
    "MOTA": "misses, false positives and identity switches together, over joints; may be below 0",
    "HOTA": "detection and association in balance",
}
_COUNTS: Final = {"identity switches": "id_switches", "misses": "misses", "false positives": "false_positives"}
"""Counts, and their names in metrics.json."""
_TRACKS: Final = {"tracking": "Tracks", "merged": "Merged tracks"}


def result(run: RunFacts) -> Row:
    """Everything above the first clip."""
    return {
        "what_ran": what_ran(run),
        "params": differing_params(run),
        "percents": percents(run),
        "counts": counts(run),
        "tracked": tracked_sentence(run),
        "scope": scope_sentence(run),
        "ceiling_meaning": run.uncertainty.get("ceiling_meaning"),
        "rejects": rejects(run),
        "limits": limits(run),
        "hero": hero(run),
    }


def what_ran(run: RunFacts) -> dict[str, str]:
    """Corpus, date, revision and hardware, each as text; what is not recorded is left out."""
    facts = {"Corpus": run.corpus["sentence"], **last_stage(run.provenances)}
    if not run.provenances:
        return facts
    seconds = sum(float(record["seconds"]) for record in run.provenances)
    facts["Time"] = f"{seconds:.0f} s of work in {counted(len(run.provenances), 'stage')}"
    return facts


def differing_params(run: RunFacts) -> Row:
    """The profile that the params are nearest to, and the keys that differ from it with both values."""
    folder, ours = REPOSITORY / "profiles", dict(_flat(run.params.model_dump()))
    if not folder.is_dir():
        return {"profile": None, "rows": []}
    nearest: tuple[str, list[Row]] = (DEMO, _differences(ours, folder, DEMO))
    for name in profile_names(folder) if nearest[1] else ():
        rows = _differences(ours, folder, name)
        if len(rows) < len(nearest[1]):
            nearest = name, rows
    return {"profile": nearest[0], "rows": nearest[1]}


def _differences(ours: dict[str, Any], folder: Path, name: str) -> list[Row]:
    theirs = _profile(folder, name)
    return [
        {"param": key, "this run": _plain(value), "profile": _plain(theirs.get(key))}
        for key, value in ours.items()
        if theirs.get(key) != value
    ]


@cache
def _profile(folder: Path, name: str) -> dict[str, Any]:
    return dict(_flat(parse_params(profile_text(folder, name), name=name).model_dump()))


def _flat(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in tree.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return rows


def _plain(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def percents(run: RunFacts) -> list[Row]:
    """The metrics in percent with their intervals and ceilings; none where nothing was scored."""
    return [_percent(run, name, meaning) for name, meaning in _PERCENTS.items()] if run.is_scored else []


def counts(run: RunFacts) -> list[Row]:
    """The counted errors of each kind of tracks."""
    return [_count(run, key, name) for name in _COUNTS for key in _TRACKS if key in run.totals]


def _percent(run: RunFacts, name: str, meaning: str) -> Row:
    """One metric: of each kind of tracks its value, interval and gauge; and its ceiling."""
    ceiling = run.uncertainty.get("ceiling", {}).get(name)
    values = [_value(run, key, name, ceiling) for key in _TRACKS if key in run.totals]
    return {"name": name, "meaning": meaning, "ceiling": ceiling, "values": values}


def _value(run: RunFacts, key: str, name: str, ceiling: float | None) -> Row:
    value, bounds = run.totals[key].get(name), run.interval(key, name)
    row: Row = {"tracks": _TRACKS[key], "value": value, "bounds": bounds, "gauge": ""}
    if value is not None:
        interval = f", 95 % interval {bounds[0]:.1f} to {bounds[1]:.1f}" if bounds else ""
        top = f", ceiling {ceiling:.1f}" if ceiling is not None else ""
        row["gauge"] = gauge(value, bounds, ceiling, f"{name} of {_TRACKS[key].lower()}: {value:.1f}{interval}{top}")
    return row


def _count(run: RunFacts, key: str, name: str) -> Row:
    value, bounds = run.totals[key].get(name), run.interval(key, _COUNTS[name])
    return {
        "error": label(name),
        "tracks": _TRACKS[key],
        "summed over joints": value,
        "95 % interval": f"{bounds[0]:.0f} to {bounds[1]:.0f}" if bounds else "not computed",
        "as persons": per_person(value),
    }


def tracked_sentence(run: RunFacts) -> str:
    """What was tracked in all videos together."""
    sums = {name: sum(row[name] for row in run.videos) for name in ("tracks", "merged", "tracked poses", "recovered")}
    merged = f", merged into {sums['merged']}" if sums["merged"] else ""
    return (
        f"{counted(sums['tracks'], 'track')}{merged}, of {counted(sums['tracked poses'], 'pose')} in "
        f"{counted(len(run.videos), 'video')}; {counted(sums['recovered'], 'missed pose')} recovered."
    )


def scope_sentence(run: RunFacts) -> str:
    """Over how many videos each metric is."""
    known = run.sequences
    if not known:
        return ""
    of_all = known.get("annotated", 0)
    fewer = [f"{name} over {known[name]} of them" for name in ("mAP", "MOTA", "HOTA") if known.get(name) != of_all]
    return (
        f"Over {counted(of_all, 'annotated video')}, by the poseval protocol{''.join(f'; {text}' for text in fewer)}."
    )


def rejects(run: RunFacts) -> list[Row]:
    """Rows of all rejects, those of one stage with like reasons as one."""
    of_stage: dict[str, list[Row]] = {}
    for row in gather.records(gather.read_frame(run.workspace, "rejects")):
        of_stage.setdefault(row["stage"], []).append(row)
    for record in run.provenances:
        of_stage.setdefault(record["stage"], []).extend(record.get("rejects", []))
    return [
        {"stage": stage, "count": group.count, "input": group.locations, "reason": group.reason}
        for stage, rows in of_stage.items()
        for group in grouped(_unique(rows))
    ]


def _unique(rows: Sequence[Row]) -> list[Row]:
    return list({(row["source"], row["location"], row["reason"]): row for row in rows}.values())


def limits(run: RunFacts) -> list[str]:
    """What the numbers of this page do not prove, as far as the run itself shows it."""
    sentences = []
    if run.corpus["is_demo"]:
        sentences.append("The corpus is synthesised: no number here says anything about real videos.")
    if not run.is_scored:
        return [*sentences, "Nothing was scored, so nothing on this page says how right the tracks are."]
    videos = run.sequences.get("annotated", 0)
    if run.uncertainty.get("intervals", {}).get("tracking"):
        sentences.append(
            f"The intervals resample {counted(videos, 'video')}; another training, another seed or another corpus may "
            "move a number further."
        )
    else:
        sentences.append(
            "There are no intervals: fewer than two videos were scored, or this run is of an older layout."
        )
    sentences.append(
        "The published rows are of other data and of networks trained in full: compare how rows relate, not how high."
    )
    return sentences


def hero(run: RunFacts) -> Row | None:
    """The clip at the top: of the scored videos that have one the one of median MOTA, else the first clip."""
    of_video = {clip["video_id"]: clip for clip in run.clips}
    rows = [row for row in gather.by_scope(run.scores, "video", "video") if row["video"] in of_video]
    known = sorted((row for row in rows if row.get("MOTA") is not None), key=lambda row: (row["MOTA"], row["video"]))
    if known:
        middle = known[len(known) // 2]
        why = f"Of {counted(len(known), 'scored video')} with a clip, the one of median MOTA ({middle['MOTA']:.1f})."
        return {**of_video[middle["video"]], "why": why if len(known) > 1 else ""}
    return {**run.clips[0], "why": ""} if run.clips else None
