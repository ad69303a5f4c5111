"""`corrtrack explain`: which revision, params, data, weights and packages a result comes from."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

_RECORDED = {
    True: "its bytes are those that dvc.lock records",
    False: "its bytes are not those that dvc.lock records: it was changed since",
    None: "its bytes are not compared: it is a folder, or DVC's cache lacks the listing of its folder",
}


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command()(explain)


def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A result of this checkout: a file or a folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Show what a result comes from: revision, params, data, weights, packages, hardware, seed, and earlier stages.

    A revision with +changes had files that differ from the commit. Revision, time, packages and hardware are those of
    the last run of the stage on this machine; results that DVC fetched from elsewhere have none. Digests are MD5 as
    DVC writes them; those of params are SHA-256 over the sections that the stage reads.

    Exit codes: 0 done, 2 no stage writes the file, or it is absent.

    Examples:

    - `corrtrack explain artifacts/tables/tracks`

    - `corrtrack explain reports/metrics.json --json`
    """
    from rich.console import Console

    from flows.explain import explain as run
    from flows.runtime.repository import find_repository

    answer = run(find_repository(), file)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        _print(Console(), answer)


def _print(console: "Console", answer: dict[str, Any]) -> None:
    from rich.table import Table

    from flows.runtime.printing import print_line

    print_line(console, f"{answer['file']}: written by the stage {answer['stage']}")
    print_line(console, _RECORDED[answer["is_recorded"]])
    facts = {
        "revision": answer["revision"] or "unknown",
        "started": answer["started"] or "unknown",
        "seconds": "unknown" if answer["seconds"] is None else answer["seconds"],
        "params": answer["params_sha256"],
        "seed": answer["seed"],
        **{f"{kind} {path}": digest for kind in ("data", "weights") for path, digest in answer[kind].items()},
    }
    for kind in ("versions", "hardware"):
        facts[kind] = ", ".join(f"{name} {value}" for name, value in (answer[kind] or {}).items()) or "unknown"
    for name, value in facts.items():
        print_line(console, f"{name}: {value}")
    table = Table("stage behind it", "revision", "started", "params", show_edge=False)
    for part in answer["chain"]:
        table.add_row(part["stage"], _short(part["revision"]), part["started"] or "unknown", part["params_sha256"][:12])
    if answer["chain"]:
        console.print(table)


def _short(revision: str | None) -> str:
    commit, plus, changes = (revision or "unknown").partition("+")
    return commit[:12] + plus + changes
