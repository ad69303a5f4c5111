"""SLEAP's two forms of HDF5, its analysis (.h5) and its labels (.slp), as rows of the csv of its analysis."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from tasks.errors import InputError

_ANALYSIS: Final = ("tracks", "node_names", "track_names")
_LABELS: Final = ("metadata", "frames", "instances", "points", "pred_points")
_USER: Final = 0
"""`instance_type` of a pose that a person drew or corrected; 1 is a predicted one."""
_CENTRED: Final = 1.1
"""From this `format_id` on (0, 0) is the centre of the first pixel, before it was its corner."""


def is_analysis(file: Mapping[str, Any]) -> bool:
    """Whether an open HDF5 file is an analysis."""
    return all(name in file for name in _ANALYSIS)


def is_labels(file: Mapping[str, Any]) -> bool:
    """Whether an open HDF5 file holds labels."""
    return all(name in file for name in _LABELS)


def analysis_rows(file: Any) -> Iterator[list[Any]]:
    """Header and a row for each track in each frame that it is in.

    Raises:
        ValueError: the arrays do not fit each other.
    """
    nodes = [as_text(name) for name in file["node_names"]]
    tracks = np.asarray(file["tracks"], dtype=np.float64)  # (tracks, 2, nodes, frames)
    if tracks.ndim != 4 or tracks.shape[1:3] != (2, len(nodes)):
        raise ValueError(f"tracks of shape {tracks.shape} for {len(nodes)} nodes")
    count, _, _, frames = tracks.shape
    scores = _scores(file, "point_scores", (count, len(nodes), frames))
    of_instances = _scores(file, "instance_scores", (count, frames))
    yield _header(nodes)
    for frame, track in itertools.product(range(frames), range(count)):
        xy = tracks[track, :, :, frame]
        if np.isfinite(xy).all(axis=0).any():
            points = np.column_stack([xy.T, scores[track, :, frame]])
            yield [track, frame, *cells([of_instances[track, frame]]), *cells(points.ravel())]


def labels_rows(file: Any, *, name: str) -> Iterator[list[Any]]:
    """Header and a row for each pose of each labelled frame; a prediction that a person corrected is left out.

    Args:
        file: open file of labels.
        name: the file in messages.

    Raises:
        InputError: frames of several videos are labelled.
        ValueError, KeyError, IndexError, TypeError: the arrays do not fit each other.
    """
    frames, instances = file["frames"][:], file["instances"][:]
    _require_one_video(file, frames, name)
    metadata = json.loads(as_text(file["metadata"].attrs["json"]))
    shift = 0.0 if float(file["metadata"].attrs["format_id"]) >= _CENTRED else -0.5
    every_node = [str(node["name"]) for node in metadata["nodes"]]
    skeletons = [[every_node[int(node["id"])] for node in entry["nodes"]] for entry in metadata["skeletons"]]
    columns = {node: column for column, node in enumerate(dict.fromkeys(itertools.chain(*skeletons)))}
    points = {True: file["points"][:], False: file["pred_points"][:]}
    yield _header(columns)
    for frame in frames:
        for instance in _current(instances[int(frame["instance_id_start"]) : int(frame["instance_id_end"])]):
            is_drawn = instance["instance_type"] == _USER
            its = points[is_drawn][int(instance["point_id_start"]) : int(instance["point_id_end"])]
            values = np.full((len(columns), 3), np.nan)
            values[[columns[node] for node in skeletons[int(instance["skeleton"])]]] = _xy_and_score(its, shift)
            score = np.nan if is_drawn else instance["score"]
            yield [int(instance["track"]), int(frame["frame_idx"]), *cells([score]), *cells(values.ravel())]


def _require_one_video(file: Any, frames: Any, name: str) -> None:
    videos = sorted({int(video) for video in frames["video"]})
    if len(videos) > 1:
        raise InputError(
            f"{name}: expected labels of one video, got those of {len(videos)}{_video_names(file)}; give the analysis"
            " of each video instead (in SLEAP: File > Export Analysis HDF5 > Current Video)"
        )


def _video_names(file: Any) -> str:
    names = [str(json.loads(as_text(entry)).get("filename", "")) for entry in file.get("videos_json", ())]
    return f" ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})" if names else ""


def _current(instances: Any) -> list[Any]:
    """Without the predictions that a drawn pose replaces: it came from them, or has their track."""
    drawn = instances[instances["instance_type"] == _USER]
    replaced = {int(source) for source in drawn["from_predicted"] if source >= 0}
    tracks = {int(track) for track in drawn["track"] if track >= 0}
    return [
        instance
        for instance in instances
        if instance["instance_type"] == _USER
        or (int(instance["instance_id"]) not in replaced and int(instance["track"]) not in tracks)
    ]


def _xy_and_score(points: Any, shift: float) -> Any:
    """Array (K,3); NaN where a point is not visible, or, as its score, was drawn."""
    scores = points["score"] if "score" in points.dtype.names else np.full(len(points), np.nan)
    values = np.column_stack([points["x"] + shift, points["y"] + shift, scores])
    values[~points["visible"]] = np.nan
    return values


def _header(nodes: Iterable[str]) -> list[str]:
    return [
        "track",
        "frame_idx",
        "instance.score",
        *(f"{node}.{part}" for node in nodes for part in ("x", "y", "score")),
    ]


def _scores(file: Any, name: str, shape: tuple[int, ...]) -> Any:
    values = np.asarray(file[name], dtype=np.float64) if name in file else np.full(shape, np.nan)
    if values.shape != shape:
        raise ValueError(f"{name} of shape {values.shape}")
    return values


def cells(row: Sequence[float] | Any) -> list[float | str]:
    """Numbers as cells of a csv; NaN is an empty one."""
    return ["" if np.isnan(value) else float(value) for value in row]


def as_text(value: Any) -> str:
    """Text of an HDF5 file."""
    return value.decode() if isinstance(value, bytes) else str(value)
