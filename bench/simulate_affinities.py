"""A SIMULATION of equation 6 on real tracks: `python -m bench.simulate_affinities FOLDER [--out FILE.json]`.

FOLDER holds PoseTrack18 annotations (posetrack18_gt of the real data). There are no frames and no network here: the
poses are the annotated ones, and the affinities come from geometry. The map of a keypoint is a Gaussian of one cell
(10 px) around its TRUE next position, degraded along one axis at a time, from none to failure:

- noise: the centre is off by a normal error, in head sizes (0.6 of the head box's diagonal, as in PCKh);
- dropout: share of keypoints whose map is empty;
- confusion: share of keypoints whose map is that of the nearest other person;
- swap: share of poses all of whose maps are those of the nearest other person.

Every frame, every 4th and every 8th are tracked: OKS needs no maps, so it is one number per step, at the best of a few
acceptance thresholds. "equation 6 x share" is a diagnosis, not the paper: equation 6 times the share of the track's
keypoints that it counts. Identity switches and MOTA are poseval's, over the 15 joints (the last frame counts too).
The result shows how much error each similarity tolerates, not how much error a trained network makes.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.keypoints import POSEVAL_FROM_POSETRACK
from models.metrics.clear_mot import MotCounts, clear_mot, count_events, no_counts
from models.metrics.sequence import Sequence, SequencePersons
from models.poses.frame_poses import FramePoses, VideoPoses
from models.poses.oks import body_keypoints
from models.tracking.association import SimilarityMatcher, Tracks, associate_poses
from models.tracking.correspondences import Affinities
from models.tracking.similarity import CorrespondenceSimilarity, OksSimilarity, Similarity

STEPS = (1, 4, 8)
SEEDS = (0, 1, 2)
LEVELS = {
    "noise": (0.0, 0.25, 0.5, 1.0, 2.0, 4.0),
    "dropout": (0.0, 0.5, 0.75, 0.9, 0.95, 1.0),
    "confusion": (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0),
    "swap": (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0),
}
OKS_THRESHOLDS = (0.01, 0.1, 0.2, 0.3, 0.5)
MAP_SIGMA_PX, TAU = 10.0, 0.3


@dataclass(frozen=True)
class PoseVideo:
    """Annotated poses of one video, N rows in frame order; frames are counted in steps."""

    name: str
    frame_count: int
    frame: IntArray
    track_id: IntArray
    xy: FloatArray
    present: BoolArray
    head_size: FloatArray

    @property
    def pose_id(self) -> IntArray:
        """Row numbers serve as ids."""
        return np.arange(len(self.frame))

    def frames(self) -> list[FramePoses]:
        """The poses frame by frame."""
        rows = (np.flatnonzero(self.frame == index) for index in range(self.frame_count))
        score = self.present.astype(np.float64)
        return [FramePoses(index, row, self.xy[row], score[row]) for index, row in enumerate(rows)]


def main() -> None:
    """Run the sweep, print it, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of PoseTrack18 annotation files")
    parser.add_argument("--out", type=Path, help="also write the curve to this JSON file")
    arguments = parser.parse_args()
    rows = []
    for row in sweep(arguments.folder):
        rows.append(row)
        print(  # noqa: T201
            f"step {row['step']:2d} {row['axis']:9s} {row['level']:5.2f} {row['method']:18s} "
            f"{row['switches']:8.1f} switches  MOTA {row['mota']:6.2f}",
            flush=True,
        )
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps({"simulation": True, "rows": rows}, indent=2) + "\n")


def sweep(folder: Path) -> Iterator[dict[str, Any]]:
    """One row per step, axis, level and method; means over the seeds."""
    for step in STEPS:
        videos = [read_video(path, step) for path in sorted(folder.glob("*.json"))]
        yield {"step": step, "axis": "-", "level": 0.0, "method": "OKS"} | best_oks(videos)
        for axis, levels in LEVELS.items():
            for level in levels:
                for method in ("equation 6", "equation 6 x share"):
                    counts = [
                        total(videos, [similarity(video, method, axis, level, seed) for video in videos], TAU)
                        for seed in SEEDS
                    ]
                    yield {"step": step, "axis": axis, "level": level, "method": method} | mean_metrics(counts)


def read_video(path: Path, step: int) -> PoseVideo:
    """Every `step`-th frame of one annotation file."""
    content = json.loads(path.read_text())
    ids = [image["id"] for image in content["images"]][::step]
    index_of = {image_id: index for index, image_id in enumerate(ids)}
    persons = [person for person in content["annotations"] if person["image_id"] in index_of]
    # In random order inside a frame: ids in the order of the tracks would let every tie fall to the truth.
    draw = np.random.default_rng([*path.stem.encode(), step]).random(len(persons))
    order = np.lexsort((draw, np.array([index_of[person["image_id"]] for person in persons])))
    persons = [persons[row] for row in order]
    keypoints = np.array([person["keypoints"] for person in persons], dtype=np.float64).reshape(-1, 17, 3)
    heads = np.array([person["bbox_head"][2:] for person in persons], dtype=np.float64)
    return PoseVideo(
        path.stem,
        len(ids),
        np.array([index_of[person["image_id"]] for person in persons]),
        np.array([person["track_id"] for person in persons]),
        keypoints[..., :2],
        keypoints[..., 2] > 0,
        0.6 * np.hypot(heads[:, 0], heads[:, 1]),
    )


def best_oks(videos: list[PoseVideo]) -> dict[str, float]:
    """OKS at the threshold with the fewest switches."""
    candidates = [
        mean_metrics([total(videos, [OksSimilarity(VideoPoses(v.frames()), 0.5) for v in videos], threshold)])
        for threshold in OKS_THRESHOLDS
    ]
    return min(candidates, key=lambda metrics: metrics["switches"])


def similarity(video: PoseVideo, method: str, axis: str, level: float, seed: int) -> Similarity:
    """Equation 6, or the diagnosis, over simulated affinities."""
    poses, affinities = VideoPoses(video.frames()), simulate(video, axis, level, seed)
    equation_6 = CorrespondenceSimilarity(affinities, poses, TAU, 0.5)
    if method == "equation 6":
        return equation_6

    def by_share(source_pose_id: IntArray, target: FramePoses) -> FloatArray:
        detected = body_keypoints(poses.score(source_pose_id), 0.5)
        counted = (detected[:, None] & (affinities.block(source_pose_id, target) > TAU)).sum(axis=-1)
        share = counted / np.maximum(detected.sum(axis=-1), 1)[:, None]
        # Lifted above the threshold, so that the share orders the pairs and accepts whatever equation 6 accepts.
        return np.where(counted > 0, TAU + (1 - TAU) * equation_6(source_pose_id, target) * share, 0.0)

    return by_share


def simulate(video: PoseVideo, axis: str, level: float, seed: int) -> Affinities:
    """Affinity rows between neighbouring frames, made worse along one axis."""
    rng = np.random.default_rng([seed, *video.name.encode()])
    parts = [
        simulate_pair(video, source, target, worsen=(axis, level), rng=rng)
        for source, target in neighbours(video)
        if len(source) and len(target)
    ]
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Affinities(*columns)


def neighbours(video: PoseVideo) -> Iterator[tuple[IntArray, IntArray]]:
    """Rows of each two neighbouring frames."""
    rows = [np.flatnonzero(video.frame == index) for index in range(video.frame_count)]
    yield from pairwise(rows)


def simulate_pair(
    video: PoseVideo, source: IntArray, target: IntArray, *, worsen: tuple[str, float], rng: np.random.Generator
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Rows source, target frame, target, affinities of all pairs of two frames."""
    axis, level = worsen
    same = video.track_id[source][:, None] == video.track_id[target][None]
    true_row = np.where(same.any(axis=1), same.argmax(axis=1), -1)
    other_row = nearest_other(video, source, target, same)
    drawn = rng.random((len(source), 17)), rng.random((len(source), 1)), rng.normal(size=(len(source), 17, 2))
    confused = {"confusion": drawn[0] < level, "swap": np.tile(drawn[1] < level, (1, 17))}
    row = np.where(confused.get(axis, np.zeros((len(source), 17), dtype=bool)), other_row[:, None], true_row[:, None])
    keypoint = np.arange(17)
    mapped = (row >= 0) & video.present[target][row, keypoint] & video.present[source]
    if axis == "dropout":
        mapped &= drawn[0] >= level
    error = drawn[2] * (level if axis == "noise" else 0.0) * video.head_size[source][:, None, None]
    centre = video.xy[target][row, keypoint] + error
    squared = np.square(centre[:, None] - video.xy[target][None]).sum(axis=-1)
    values = np.where(
        mapped[:, None] & video.present[target][None], np.exp(-squared / (2 * MAP_SIGMA_PX**2)), 0.0
    ).reshape(-1, 17)
    pairs = np.array(np.meshgrid(source, target, indexing="ij")).reshape(2, -1)
    return pairs[0], video.frame[pairs[1]], pairs[1], values


def nearest_other(video: PoseVideo, source: IntArray, target: IntArray, same: BoolArray) -> IntArray:
    """For each source pose the nearest pose of another person in the target frame, by mean keypoint; -1: no other."""
    seen = video.present[..., None]
    centre = np.where(seen, video.xy, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    distance = np.linalg.norm(centre[source][:, None] - centre[target][None], axis=-1)
    distance = np.where(same, np.inf, distance)
    return np.where(np.isfinite(distance).any(axis=1), distance.argmin(axis=1), -1)


def total(videos: list[PoseVideo], similarities: list[Similarity], min_similarity: float) -> MotCounts:
    """CLEAR MOT events of all videos."""
    counts = no_counts()
    for video, of_poses in zip(videos, similarities, strict=True):
        matcher = SimilarityMatcher(of_poses, min_similarity, "greedy", None)
        tracks = associate_poses(video.frames(), matcher, min_track_frames=1, max_lost_frames=0)
        counts = counts + count_events(as_sequence(video, tracks), corrected=True)
    return counts


def as_sequence(video: PoseVideo, tracks: Tracks) -> Sequence:
    """The annotated poses twice: with their annotated and with their assigned identities."""
    assigned = np.empty(len(video.frame), dtype=np.float64)
    assigned[tracks.pose_id] = tracks.track_id
    order = POSEVAL_FROM_POSETRACK
    shared = (video.xy[:, order], video.present[:, order], video.present[:, order].astype(np.float64), video.head_size)
    sides = (SequencePersons(video.frame, ids.astype(np.float64), *shared) for ids in (video.track_id, assigned))
    return Sequence(video.name, video.frame_count, *sides)


def mean_metrics(counts: list[MotCounts]) -> dict[str, float]:
    """Identity switches (joints) and MOTA (percent), means over the seeds."""
    return {
        "switches": float(np.mean([part.switches.sum() for part in counts])),
        "mota": float(np.mean([clear_mot(part, corrected=True).mota[-1] for part in counts])),
    }


if __name__ == "__main__":
    main()
