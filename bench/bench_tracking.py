"""How fast association alone is: `python -m bench.bench_tracking [--out FILE.json]`.

From the columns of the tables poses, affinities and correspondences, in memory, to tracks: equation 6,
greedy assignment, duplicate removal, minimum length; and the released scripts' rule, Hungarian assignment and OKS for
comparison. No network, no file. Poses per second against the number of persons and of frames; the growth is the
exponent of a power law through the first and the last point of each series.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from models.poses.frame_poses import FramePoses, VideoPoses
from models.tracking.association import Matcher, SimilarityMatcher, Tracks, associate_poses
from models.tracking.correspondences import Affinities, PropagatedPoses
from models.tracking.duplicates import DuplicateRule
from models.tracking.released import ReleasedMatcher, ReleasedRule
from models.tracking.similarity import CorrespondenceSimilarity, OksSimilarity, PropagatedOksSimilarity

PERSONS, FRAMES = (5, 20, 80), (100, 400, 1600)
REPEATS = 3
METHODS = ("paper", "without duplicate removal", "hungarian", "released", "oks")


@dataclass(frozen=True)
class Crowd:
    """Columns of the tables of one video, in the order of the tables."""

    frame_count: int
    poses: dict[str, Any]
    affinities: dict[str, Any]
    propagated: dict[str, Any]


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the measurements to this JSON file")
    out = parser.parse_args().out
    measured = measure()
    for row in measured["rows"]:
        print("{method:28s} {persons:3d} persons {frames:5d} frames {poses_per_second:10.0f} poses/s".format(**row))  # noqa: T201
    for name, exponent in measured["growth"].items():
        print(f"{name:60s} {exponent:.2f}")  # noqa: T201
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(measured, indent=2) + "\n")


def measure() -> dict[str, Any]:
    """Rows of seconds and poses per second, and the exponents of growth."""
    rows = [timing(method, persons, FRAMES[0]) for method in METHODS for persons in PERSONS]
    rows += [timing("paper", PERSONS[0], frames) for frames in FRAMES[1:]]
    seconds = {(row["method"], row["persons"], row["frames"]): row["seconds"] for row in rows}
    growth = {
        f"{method}: seconds grow with persons to the power of": exponent(
            PERSONS, [seconds[method, persons, FRAMES[0]] for persons in PERSONS]
        )
        for method in METHODS
    }
    growth["paper: seconds grow with frames to the power of"] = exponent(
        FRAMES, [seconds["paper", PERSONS[0], frames] for frames in FRAMES]
    )
    return {"rows": rows, "growth": growth}


def exponent(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """Power law through the first and the last point."""
    return float(np.log(seconds[-1] / seconds[0]) / np.log(sizes[-1] / sizes[0]))


def timing(method: str, persons: int, frames: int) -> dict[str, Any]:
    """One measurement; the tracks must be those of the crowd, or the figure means nothing."""
    crowd = make_crowd(persons, frames)
    tracks = track(crowd, method)
    if method != "oks" and len(np.unique(tracks.track_id)) < persons:
        raise RuntimeError(f"{method}: expected at least {persons} tracks, got {len(np.unique(tracks.track_id))}")
    seconds = best_of(lambda: track(crowd, method))
    poses = len(crowd.poses["pose_id"])
    row = {"method": method, "persons": persons, "frames": frames, "poses": poses, "seconds": seconds}
    return row | {"poses_per_second": poses / seconds}


def make_crowd(persons: int, frames: int) -> Crowd:
    """Persons on a grid who drift; one pose in twenty is missed and one in twenty is doubled; pairs one frame apart."""
    rng = np.random.default_rng(0)
    body = np.stack([rng.uniform(0, 60, 17), rng.uniform(0, 150, 17)], axis=-1)
    grid = np.stack([100.0 * (np.arange(persons) % 10), 180.0 * (np.arange(persons) // 10)], axis=-1)
    drift = np.cumsum(rng.normal(0, 2, (frames, persons, 2)), axis=0)
    frame, person = np.nonzero(rng.random((frames, persons)) > 0.05)
    rows = np.sort(np.concatenate([np.arange(len(frame)), np.flatnonzero(rng.random(len(frame)) < 0.05)]))
    frame, person = frame[rows], person[rows]
    xy = (grid[person] + drift[frame, person])[:, None] + body + rng.normal(0, 2, (len(frame), 17, 2))
    pose_id = np.arange(len(frame))
    source, target = pairs_one_frame_apart(frame, frames)
    same = person[source] == person[target]
    values = np.where(same[:, None], rng.uniform(0.5, 0.9, (len(source), 17)), rng.uniform(0, 0.2, (len(source), 17)))
    onwards = frame < frames - 1
    return Crowd(
        frames,
        {"frame": frame, "pose_id": pose_id, "xy": xy, "score": rng.uniform(0.3, 1, (len(frame), 17))},
        {"source": source, "frame": frame[target], "target": target, "values": values.astype(np.float32)},
        {
            "source": pose_id[onwards],
            "frame": frame[onwards] + 1,
            "xy": xy[onwards].astype(np.float32),
            "peak": np.full((int(onwards.sum()), 17), 0.7, dtype=np.float32),
        },
    )


def pairs_one_frame_apart(frame: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of all pairs of poses of neighbouring frames."""
    rows = [np.flatnonzero(frame == index) for index in range(frames)]
    pairs = [np.array(np.meshgrid(a, b, indexing="ij")).reshape(2, -1) for a, b in pairwise(rows)]
    source, target = np.concatenate(pairs, axis=1)
    return source, target


def track(crowd: Crowd, method: str) -> Tracks:
    """From columns to tracks."""
    start = np.searchsorted(crowd.poses["frame"], np.arange(crowd.frame_count + 1))
    poses = VideoPoses(
        FramePoses(index, *(crowd.poses[name][start[index] : start[index + 1]] for name in ("pose_id", "xy", "score")))
        for index in range(crowd.frame_count)
    )
    return associate_poses(poses.frames, matcher(crowd, poses, method), min_track_frames=3, max_lost_frames=0)


def matcher(crowd: Crowd, poses: VideoPoses, method: str) -> Matcher:
    """The matcher of a method, built from columns."""
    if method == "oks":
        return SimilarityMatcher(OksSimilarity(poses, 0.1), 0.3, "greedy", None)
    affinities, propagated = Affinities(*crowd.affinities.values()), PropagatedPoses(*crowd.propagated.values())
    if method == "released":
        return ReleasedMatcher(affinities, propagated, poses, 1200, 1800, ReleasedRule(0.1, 0.3, 0.2, 2, 10.0, 0.6))
    overlap = PropagatedOksSimilarity(propagated, poses, 0.3, 0.1, min_keypoints=3)
    duplicates = None if method == "without duplicate removal" else DuplicateRule(overlap, 0.5, 0.6)
    similarity = CorrespondenceSimilarity(affinities, poses, 0.3, 0.1)
    return SimilarityMatcher(similarity, 0.3, "hungarian" if method == "hungarian" else "greedy", duplicates)


def best_of(work: Callable[[], object]) -> float:
    """Least seconds of some runs, which other work on the machine disturbs least."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
