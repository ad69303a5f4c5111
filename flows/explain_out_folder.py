"""`corrtrack explain` for a result in an out folder of `reprocess`: table, export, clip, overlay or page."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flows.explain import below, stage_with_chain
from flows.runtime.last_run import stamp
from flows.runtime.pipeline import pipeline_file, read_pipeline
from flows.runtime.repository import Repository
from flows.scheduling.state_table import read_states
from tasks.errors import InputError
from tasks.out_folder import MARKER
from tasks.provenance import read_provenance
from tasks.stages import STAGES
from tasks.tables import read_table
from tasks.tables.schemas import VIDEOS
from tasks.workspace import Workspace


def out_folder_of(file: Path) -> Path | None:
    """The out folder that holds `file`; None where none does."""
    here = file.parent.resolve() / file.name
    return next((folder for folder in (here, *here.parents) if (folder / MARKER).is_file()), None)


def explain_out_folder(repository: Repository, out: Path, file: Path) -> dict[str, Any]:
    """What a result in the out folder comes from, as JSON values with the names of `explain.explain`.

    Args:
        repository: the checkout or installed package, whose pipeline says which stage writes what.
        out: the out folder.
        file: a file in it that a stage writes, or a folder of them.

    Returns:
        Digests are SHA-256: of data by video, of weights by the file they were copied from. `is_recorded` says whether
        size and time are those that the last finished run left; it is None for a folder, and where the out folder was
        moved or a run is not finished. `video` is the row of the table of states, where the file is of one video.

    Raises:
        InputError: no stage writes the file, it is absent, or the out folder has no run.
    """
    path, request = below(out, file), _request(out)
    pipeline = read_pipeline(pipeline_file(repository.root))
    stage = "report" if path.parts[:1] == ("overlays",) else pipeline.writer(path)
    if stage is None or not STAGES[stage].fits_external_corpus or not file.exists():
        got = "no such file" if stage is not None and not file.exists() else "a file that no stage writes there"
        raise InputError(
            f"{file}: expected a result in the out folder {out}, such as artifacts/tables/tracks, overlays or "
            f"reports/index.html, got {got}"
        )
    stages = [name for name in pipeline.with_upstream(stage) if STAGES[name].fits_external_corpus]
    params = {name: {part: request["params"][part] for part in pipeline.params[name]} for name in stages}
    workspace = Workspace(out, out / "artifacts", out / "reports", out)
    video = read_states(out).get(path.stem) if len(path.parts) > 1 else None
    return {
        "file": path.as_posix(),
        "out": str(out),
        "is_recorded": _is_recorded(out, path),
        **stage_with_chain(partial(read_provenance, workspace), stage, stages, params),
        "seed": request["params"]["run"]["seed"],
        "data": _media(out, None if video is None else video.video_id),
        "weights": {entry["file"]: entry["sha256"] for entry in request["weights"].values()},
        "video": None if video is None else {"video_id": video.video_id, "state": video.state, "reason": video.reason},
    }


def _request(out: Path) -> Mapping[str, Any]:
    try:
        record: dict[str, Any] = json.loads((out / "artifacts" / "request.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{out}: expected a run of reprocess, got an out folder without artifacts/request.json"
        ) from None
    return record


def _media(out: Path, video_id: str | None) -> dict[str, str]:
    """SHA-256 of the media of a video, or of all, by their path in the corpus."""
    table = VIDEOS.path(out / "artifacts" / "tables")
    if not table.is_file():
        return {}
    rows = read_table(VIDEOS, table, ["video_id", "media", "media_sha256"]).to_pylist()
    return {row["media"]: row["media_sha256"] for row in rows if video_id in (None, row["video_id"])}


def _is_recorded(out: Path, path: Path) -> bool | None:
    """Whether the last finished run left the file as it is."""
    try:
        files = json.loads((out / ".corrtrack" / "last_run.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return None
    known = files.get(str(out / path))
    return None if known is None or (out / path).is_dir() else bool(known == stamp((out / path).stat()))
