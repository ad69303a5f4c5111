"""What people change in the table of states: `corrtrack retry` and `corrtrack prune`."""

from collections.abc import Collection
from pathlib import Path

from flows.runtime.exclusive_run import run_lock
from flows.runtime.external_corpus import results_by_video
from flows.scheduling.state_table import StateTable
from flows.scheduling.status import require_out_folder
from flows.scheduling.video_states import retried
from tasks.errors import InputError
from tasks.formats.decoded_files import forget_decoded
from tasks.out_folder import remove_written
from tasks.workspace import Workspace


def retry(folder: Path, videos: Collection[str], *, patience_seconds: float = 15.0) -> list[str]:
    """Let the next run try rejected and failed videos again, all of them or the named ones; gives their names.

    Raises:
        InputError: no out folder, another run holds it, or a named video is neither rejected nor failed.
    """
    out = require_out_folder(folder)
    with run_lock(out / ".corrtrack" / "run.lock", command="corrtrack retry", patience_seconds=patience_seconds):
        table = StateTable(out)
        bad = {name for name, row in table.rows.items() if row.state in {"rejected", "failed"}}
        if wrong := sorted(set(videos) - bad):
            known = ", ".join(sorted(bad)) or "none"
            raise InputError(f"{out}: expected rejected or failed videos ({known}), got {', '.join(wrong)}")
        chosen = set(videos) or bad
        forget_decoded(out / ".corrtrack" / "decoded.jsonl", {table.rows[name].bytes_sha256 for name in chosen})
        table.change(lambda row: retried(row) if row.video_id in chosen else row)
        (out / ".corrtrack" / "last_run.json").unlink(missing_ok=True)
    return sorted(chosen)


def prune(folder: Path, *, patience_seconds: float = 15.0) -> dict[str, int]:
    """Delete the results of videos that are no longer in the corpus; gives the number of files of each.

    Raises:
        InputError: no out folder, or another run holds it.
    """
    out = require_out_folder(folder)
    with run_lock(out / ".corrtrack" / "run.lock", command="corrtrack prune", patience_seconds=patience_seconds):
        artifacts, reports, state = (out / name for name in ("artifacts", "reports", ".corrtrack"))
        table, workspace = StateTable(out), Workspace(out, artifacts, reports, state, out / "overlays")
        files = results_by_video(workspace)
        removed = [name for name, row in table.rows.items() if row.state == "removed"]
        deleted = {name: sum(map(remove_written, files.get(name, []))) for name in removed}
        table.drop(removed)
    return deleted
