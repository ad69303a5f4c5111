"""Track the people of videos from Python.

The public interface of this project: what is named here stays; `flows`, `tasks` and `models` may change. None of
these is imported here: the pipeline runs in a process of its own.

    from corrtrack import track_video

    tracks = track_video("street.mp4", poses="street.json")
    tracks.to_pandas()
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from corrtrack.pipeline_folder import PIPELINE_FOLDER

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["InputError", "Tracks", "track_video"]

_EXPORTS: Final = Path("artifacts", "exports", "table", "merged")
_BAD_INPUT: Final = 2
_FINISHED: Final = frozenset({0, 3})
"""Exit codes of a run that ended: done, and done but some of the input was rejected."""


class InputError(Exception):
    """What was named is not usable: the message says what was expected, what was found, where, and what to do."""


@dataclass(frozen=True)
class Tracks:
    """The tracks of one or several videos.

    Attributes:
        table: a row for each pose and keypoint, and one for each frame without poses: video, frame (from 0), seconds,
            track_id, recovered, pose_score, keypoint, x and y in px, score. The metadata of each column says more.
        rejects: what could not be used: source, location, reason.
        out: the out folder with overlays, tables and the page; None where it was a temporary one.
    """

    table: "pa.Table"
    rejects: "pa.Table"
    out: Path | None

    def to_pandas(self) -> "pd.DataFrame":
        """Return the table as a data frame; whole numbers and flags that may be absent have pandas' nullable types."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame


def track_video(  # noqa: PLR0913  keyword arguments, as the options of `corrtrack reprocess`
    corpus: str | Path,
    *,
    poses: str | Path | None = None,
    detections: Sequence[str | Path] = (),
    pretrained: str | None = None,
    weights: str | Path | None = None,
    profile: str | None = None,
    out: str | Path | None = None,
    settings: Sequence[str] = (),
    quiet: bool = False,
) -> Tracks:
    """Track the people of a video, or of a folder of videos, as `corrtrack reprocess` does.

    Args:
        corpus: a video file, a folder of videos or of frame folders, or a corpus laid out like data/.
        poses: poses of another program, a file or a folder; without them the pose network estimates poses.
        detections: files of person boxes, in MOT or COCO results form.
        pretrained: "torchvision" takes boxes and poses of its Keypoint R-CNN.
        weights: folder of weight files; by default artifacts/models of a checkout, else the starting weights.
        profile: a profile to track by, such as "released" for the authors' weights; by default params.yaml.
        out: out folder, with which a later call goes on where this one ended; None keeps nothing on disk.
        settings: params of this run, each "section.key=value".
        quiet: whether nothing is printed; else progress goes to standard error.

    Raises:
        InputError: something that was named cannot be used.
        RuntimeError: the run failed.
    """
    given = [("--poses", poses), ("--pretrained", pretrained), ("--weights", weights), ("--profile", profile)]
    options = [str(part) for name, value in given if value is not None for part in (name, value)]
    options += [part for file in detections for part in ("--detections", str(file))]
    settings = ["compute.executor=local", "export.formats=[table]", *settings]
    if out is not None:
        _reprocess(corpus, Path(out), options, settings, quiet=quiet)
        return _read(Path(out), keep=True)
    with tempfile.TemporaryDirectory(prefix="corrtrack-") as folder:
        home = Path(folder) / "out"
        _reprocess(corpus, home, options, [*settings, "report.overlays=false"], quiet=quiet)
        if not quiet and sys.__stderr__ is not None:
            sys.__stderr__.write("these files are not kept; out=FOLDER keeps them, with an overlay of each video\n")
        return _read(home, keep=False)


def _reprocess(corpus: str | Path, out: Path, options: Sequence[str], settings: Sequence[str], *, quiet: bool) -> None:
    """Run the command in a process of its own: Prefect and the signals of the caller's process stay as they are."""
    # -P: modules of the caller's folder may have the names of the pipeline's.
    command = [sys.executable, "-P", "-m", "flows", "reprocess", str(corpus), "--out", str(out), *options]
    command += [part for setting in settings for part in ("--set", setting)]
    path = os.pathsep.join(filter(None, [str(PIPELINE_FOLDER), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        shown = subprocess.DEVNULL if quiet else sys.__stderr__
        ran = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, stdout=shown, stderr=errors)
        errors.seek(0)
        message = errors.read().strip()
    if ran.returncode == _BAD_INPUT:
        raise InputError(message)
    if ran.returncode not in _FINISHED:
        raise RuntimeError(message or f"corrtrack reprocess ended with exit code {ran.returncode}")


def _read(out: Path, *, keep: bool) -> Tracks:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted((out / _EXPORTS).glob("**/*.parquet"))
    tables = [pq.read_table(path) for path in files]
    table = pa.concat_tables(tables) if tables else pa.table({})
    return Tracks(table, pq.read_table(out / "artifacts" / "tables" / "rejects.parquet"), out if keep else None)
