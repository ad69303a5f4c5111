"""Outputs of a stage that are those of its present inputs, so that a grown corpus costs only what is new."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tasks.content_key import KnownDigests, code_key, content_key, packages_key
from tasks.whole_files import write_whole
from tasks.workspace import Workspace


class FreshVideos:
    """What a stage wrote for each video, from which inputs, by which code and params.

    Args:
        workspace: its state folder keeps the record, which may be deleted at a cost of time only.
        stage: the stage.
        parts: what its results depend on beside its code and the inputs of a video, as JSON.
        record: name of the record, where a stage keeps several; else the stage's.
    """

    def __init__(self, workspace: Workspace, stage: str, parts: Any, *, record: str | None = None) -> None:
        self._workspace = workspace
        self._path = workspace.state / "fresh" / f"{record or stage}.json"
        self._stage_key = content_key([code_key(f"tasks.{stage}"), packages_key(), parts])
        self._before = _read(self._path)
        self._digests = KnownDigests(workspace.state / "digests" / self._path.name)
        self._now: dict[str, Any] = {}

    def key(self, inputs: Iterable[Path], parts: Any = None) -> str:
        """Key of a video by the files that it is made from, those that are absent among them, and other parts."""
        files = [[self._workspace.shortened(str(path)), self._content(path)] for path in sorted(inputs)]
        return content_key([self._stage_key, files, parts])

    def facts(self, video_id: str, key: str) -> Any:
        """What was recorded with the video's outputs, if they are of `key` and as they were written; else None."""
        entry = self._before.get(video_id)
        try:
            if entry is None or entry["key"] != key:
                return None
            for name, digest in entry["files"].items():
                if self._digests.digest(self._workspace.artifacts / name) != digest:
                    return None
        except (OSError, KeyError, TypeError, AttributeError):
            return None
        self._now[video_id] = entry
        return entry["facts"]

    def record(self, video_id: str, key: str, outputs: Iterable[Path], facts: Mapping[str, Any]) -> None:
        """Note the files that were made from the inputs of `key`, and what must be known of them when they stay."""
        files = {os.path.relpath(path, self._workspace.artifacts): self._digests.digest(path) for path in outputs}
        self._now[video_id] = {"key": key, "files": files, "facts": dict(facts)}

    def keep(self) -> None:
        """Keep the record of this run's videos for the next run."""
        write_whole(self._path, json.dumps(self._now, sort_keys=True) + "\n")
        self._digests.keep()

    def _content(self, path: Path) -> str | None:
        return self._digests.digest(path) if path.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
