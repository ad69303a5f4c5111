"""`corrtrack store`: what the shard store holds, what goes to make room, and what is damaged."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.json_option import AsJson
from flows.runtime.outcomes import EXIT_CODES, ExitCode
from flows.runtime.printing import print_json
from tasks.errors import InputError

if TYPE_CHECKING:
    from tasks.shards.store_upkeep import StoredShard

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="Out folder of `reprocess`, or a store; by default that of this checkout."),
]
_UNITS = {"": 1.0, "K": 2.0**10, "M": 2.0**20, "G": 2.0**30, "T": 2.0**40}


def register(app: typer.Typer) -> None:
    """Add the group of commands to `corrtrack`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command("ls", epilog=EXIT_CODES)(ls)
    group.command("gc", epilog=EXIT_CODES)(gc)
    group.command("verify", epilog=EXIT_CODES)(verify)
    app.add_typer(group, name="store", help=_HELP, epilog=EXIT_CODES)


_HELP = """Show, clear and verify the store of finished shards, which runs continue from.

Whatever is deleted is computed again when it is needed. `compute.store` names a folder that several checkouts share,
`compute.store_max_gib` a size that the store is kept to after each stage.

Examples:

- `corrtrack store ls`: how much the store of this checkout holds

- `corrtrack store gc runs/street --keep-days 30 --max-size 20G`: make room in that of an out folder

- `corrtrack store verify --json`: damaged shards, for another program
"""


def ls(folder: Folder = None, as_json: AsJson = False) -> None:
    """List what the store holds, by the tables of a shard.

    Example:

    - `corrtrack store ls runs/street`
    """
    from tasks.shards.store_upkeep import stored_shards

    store = _store_of(folder)
    entries = stored_shards(store)
    groups: dict[str, list[StoredShard]] = {}
    for entry in entries:
        groups.setdefault(", ".join(entry.tables) or "none", []).append(entry)
    if as_json:
        print_json({"store": str(store), **_total(entries), "shards": [_as_json(entry) for entry in entries]})
        return
    for tables, group in sorted(groups.items()):
        typer.echo(f"{_amount(group)}, last used {_day(group[-1])}: {tables}")
    typer.echo(f"{store}: {_amount(entries)}")


def gc(
    folder: Folder = None,
    keep_days: Annotated[
        float | None, typer.Option("--keep-days", metavar="N", min=0, help="Delete what was not used for N days.")
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option("--max-size", metavar="SIZE", help="Then the least recently used, down to 20G."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted; delete nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete shards that were not used for long, or that are too many; what a run in progress uses stays.

    Examples:

    - `corrtrack store gc --keep-days 30`

    - `corrtrack store gc runs/street --max-size 20G --dry-run`
    """
    from tasks.shards.store_upkeep import clear

    store = _store_of(folder)
    if keep_days is None and max_size is None:
        raise InputError("corrtrack store gc: expected --keep-days N, --max-size SIZE or both, got neither")
    size = None if max_size is None else size_bytes(max_size)
    cleared = clear(store, keep_days=keep_days, max_bytes=size, is_dry=dry_run)
    if as_json:
        deleted = {**_total(cleared.deleted), "keys": [entry.key for entry in cleared.deleted]}
        kept = {**_total(cleared.kept), "in_use": cleared.in_use}
        print_json({"store": str(store), "dry_run": dry_run, "deleted": deleted, "kept": kept})
        return
    verb = "to delete" if dry_run else "deleted"
    typer.echo(f"{verb}: {_amount(cleared.deleted)}; kept: {_amount(cleared.kept)}, {cleared.in_use} of them in use")


def verify(folder: Folder = None, as_json: AsJson = False) -> None:
    """Compare the bytes of every shard with the digests that it was stored by.

    A damaged shard does no harm: whoever needs it makes it anew. The exit code is then 1.

    Example:

    - `corrtrack store verify`
    """
    from tasks.shards.store_upkeep import damaged, stored_shards

    store = _store_of(folder)
    entries, bad = stored_shards(store), list(damaged(store))
    if as_json:
        answer = [_as_json(entry) | {"reason": reason} for entry, reason in bad]
        print_json({"store": str(store), **_total(entries), "damaged": answer})
    else:
        for entry, reason in bad:
            typer.echo(f"{entry.folder}: {reason}")
        typer.echo(f"{store}: {_amount(entries)}, {len(bad)} damaged")
    raise typer.Exit(ExitCode.FAILED if bad else ExitCode.DONE)


def size_bytes(text: str) -> float:
    """Bytes of a size such as 500M, 20G, 1.5T or a plain number.

    Raises:
        InputError: it is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise InputError(f"--max-size {text}: expected a size such as 500M, 20G or 1.5T")
    return float(match[1]) * _UNITS[match[2].upper()]


def _store_of(folder: Path | None) -> Path:
    from flows.cli.params_choice import read_chosen_params
    from flows.runtime.repository import nearest_repository
    from tasks.shards.store import store_folder

    if folder is None:
        repository = nearest_repository()
        chosen = read_chosen_params(repository, profile=None, settings=[]).compute.store
        return store_folder(repository.shared_state, chosen)
    state = folder.expanduser().absolute() / ".corrtrack"
    store = store_folder(state, None) if state.is_dir() else folder.expanduser().absolute()
    if not store.is_dir():
        raise InputError(f"{folder}: expected an out folder of `corrtrack reprocess`, or a shard store, found none")
    return store


def _total(entries: Sequence["StoredShard"]) -> dict[str, Any]:
    return {"count": len(entries), "bytes": sum(entry.size_bytes for entry in entries)}


def _as_json(entry: "StoredShard") -> dict[str, Any]:
    return {"key": entry.key, "tables": list(entry.tables), "bytes": entry.size_bytes, "used": _day(entry, "seconds")}


def _amount(entries: Sequence["StoredShard"]) -> str:
    size = sum(entry.size_bytes for entry in entries)
    unit = next(name for name in "TGMK" if size >= _UNITS[name] or name == "K")
    return f"{len(entries)} shard{'' if len(entries) == 1 else 's'}, {size / _UNITS[unit]:.1f} {unit}iB"


def _day(entry: "StoredShard", timespec: str = "minutes") -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(entry.used, UTC).isoformat(timespec=timespec)
