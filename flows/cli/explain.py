"""`corrtrack explain`: which revision, params, data, weights and packages a result comes from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from flows.cli.json_option import AsJson

if TYPE_CHECKING:
    from rich.console import Console

_RECORDED: Final = {
    True: "its bytes are those that dvc.lock records",
    False: "its bytes are not those that dvc.lock records: it was changed since",
    None: "its bytes are not compared: it is a folder, or DVC's cache lacks the listing of its folder",
}
_LEFT: Final = {
    True: "it is as the last finished run left it, by size and time",
    False: "it was changed since the last finished run",
    None: "it is not compared: it is a folder, a run is not finished, or the out folder was moved",
}
_WRITTEN: Final = {
    True: "its bytes are those that the command wrote",
    False: "its bytes are not those that the command wrote: it was changed since",
    None: "its bytes are not compared: it is a folder",
}
_SHOWN: Final = 8
"""Digests of data; --json gives all."""


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command()(explain)


def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A result of a checkout or of an out folder, or a run.")],
    as_json: AsJson = False,
) -> None:
    """Show what a result comes from: revision, params, data, weights, packages, hardware, seed, and earlier stages.

    A revision with +changes had files that differ from the commit. Revision, time, packages and hardware are those of
    the last run of the stage on this machine; results that DVC fetched from elsewhere have none. Digests are MD5 as
    DVC writes them; those of params are SHA-256 over the sections that the stage reads.

    In an out folder of `reprocess` digests are SHA-256 of the videos and of the weight files that were copied. The
    command works there in any folder.

    A finished run is named as for `compare`: a saved run, a DVC experiment or a git revision.

    Pages of `compare` and `sweep`, and what `export`, `convert` and `score` wrote, are answered with the runs or files
    that the command read, each with its stages.

    Exit codes: 0 done, 2 nothing of corrtrack writes the file, or it is absent.

    Examples:

    - `corrtrack explain artifacts/tables/tracks`

    - `corrtrack explain reports/metrics.json --json`

    - `corrtrack explain runs/street/overlays/street.mp4`

    - `corrtrack explain reports/compare/before..after.html`

    - `corrtrack explain before`: a run that `reproduce --save before` kept
    """
    from rich.console import Console

    from flows.command_records import explain_command, explain_run
    from flows.explain import explain as run
    from flows.explain_out_folder import explain_out_folder, out_folder_of
    from flows.runtime.printing import print_json
    from flows.runtime.repository import find_repository, nearest_repository

    if (record := explain_command(file)) is not None:
        answer = record
    elif (out := out_folder_of(file)) is not None:
        answer = explain_out_folder(nearest_repository(), out, file)
    else:
        repository = find_repository()
        answer = explain_run(repository, file) or run(repository, file)
    if as_json:
        print_json(answer)
    elif "command" in answer:
        _print_command(Console(soft_wrap=True), answer)
    elif "run" in answer:
        _print_source(Console(soft_wrap=True), answer)
    else:
        _print(Console(), answer)


def _print_command(console: "Console", answer: dict[str, Any]) -> None:
    """A file that a command wrote, and each run or file that the command read."""
    from flows.runtime.printing import print_line

    print_line(console, f"{answer['file']}: written by `corrtrack {answer['command']}`")
    print_line(console, _WRITTEN[answer["is_recorded"]])
    print_line(console, f"revision: {answer['revision']}")
    print_line(console, f"written: {answer['written']}")
    _print_machine(console, answer)
    for source in answer["sources"]:
        _print_source(console, source)


def _print_source(console: "Console", source: dict[str, Any]) -> None:
    """A run or file that a command read."""
    from flows.runtime.printing import print_line

    print_line(console, f"from {source['title']}{': ' if source['sentence'] else ''}{source['sentence']}")
    for name, value in source["facts"].items():
        print_line(console, f"  {name}: {value}")
    _print_chain(console, "its stages", source["chain"])


def _print_machine(console: "Console", answer: dict[str, Any]) -> None:
    from flows.runtime.printing import print_line

    for kind in ("versions", "hardware"):
        shown = ", ".join(f"{name} {value}" for name, value in (answer[kind] or {}).items()) or "unknown"
        print_line(console, f"{kind}: {shown}")


def _print_chain(console: "Console", title: str, chain: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(title, "revision", "started", "params", show_edge=False)
    for part in chain:
        table.add_row(part["stage"], _short(part["revision"]), part["started"] or "unknown", part["params_sha256"][:12])
    if chain:
        console.print(table)


def _print(console: "Console", answer: dict[str, Any]) -> None:
    from flows.runtime.printing import print_line

    print_line(console, f"{answer['file']}: written by the stage {answer['stage']}")
    print_line(console, (_LEFT if "out" in answer else _RECORDED)[answer["is_recorded"]])
    facts = {
        "revision": answer["revision"] or "unknown",
        "started": answer["started"] or "unknown",
        "seconds": "unknown" if answer["seconds"] is None else answer["seconds"],
        "params": answer["params_sha256"],
        "seed": answer["seed"],
        **{f"data {path}": digest for path, digest in list(answer["data"].items())[:_SHOWN]},
        **{f"weights {path}": digest for path, digest in answer["weights"].items()},
    }
    if len(answer["data"]) > _SHOWN:
        facts["data"] = f"{len(answer['data'])} videos, of which {_SHOWN} are shown"
    if video := answer.get("video"):
        facts["video"] = " ".join(filter(None, (video["video_id"], video["state"], video["reason"])))
    for name, value in facts.items():
        print_line(console, f"{name}: {value}")
    _print_machine(console, answer)
    _print_chain(console, "stage behind it", answer["chain"])


def _short(revision: str | None) -> str:
    commit, plus, changes = (revision or "unknown").partition("+")
    return commit[:12] + plus + changes
