"""`--profile` and `--set`: changing params.yaml for a run without losing what its user wrote there."""

import contextlib
import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from flows.runtime.repository import Repository
from tasks.errors import InputError
from tasks.params.edit import set_values, write_params
from tasks.params.loading import ParamsError, check_params, load_params, parse_params
from tasks.params.profiles import profile_names, profile_text
from tasks.params.sections import Params


def choose_params(repository: Repository, *, profile: str | None, settings: Sequence[str], force: bool = False) -> bool:
    """Write the whole profile to params.yaml and the settings into it, both or neither; return whether it changed.

    Args:
        repository: Where params.yaml and profiles/ lie.
        profile: Name of a file in profiles/, without its ending.
        settings: Texts of the form "section.key=value".
        force: Overwrite changes that the user made.

    Raises:
        InputError: no such profile or key, a value that does not fit, or changes that would be lost.
    """
    if profile is None and not settings:
        return False
    before = repository.params.read_text(encoding="utf-8")
    if not force and not _is_ours(before, repository):
        raise InputError(
            f"{repository.params}: expected no changes of your own before --profile or --set writes it, "
            "found some; commit them or keep them as profiles/NAME.yaml, or say --force to write over them"
        )
    text = before if profile is None else profile_text(repository.profiles, profile)
    text, _ = _with_settings(text, settings, name=repository.params.name)
    write_params(repository.params, text)
    _remember(text, repository)
    return text != before


def read_chosen_params(repository: Repository, *, profile: str | None, settings: Sequence[str]) -> Params:
    """The params of a command that leaves params.yaml as it is: those of the file or of the profile, with settings.

    Raises:
        InputError: no such profile or key, or a value that does not fit.
    """
    if profile is None and not settings:
        return load_params(repository.params)
    text = repository.params.read_text(encoding="utf-8")
    text = text if profile is None else profile_text(repository.profiles, profile)
    return _with_settings(text, settings, name=repository.params.name)[1]


def _with_settings(text: str, settings: Sequence[str], *, name: str) -> tuple[str, Params]:
    """The params file `text` with the settings, and its params; an error names the file or the settings."""
    params = parse_params(text, name=name)
    if not settings:
        return text, params
    values = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"--set {setting}: expected section.key=value, such as track.tau_corr=0.25")
        values[key.strip()] = value.strip()
    ((edited, tree),) = set_values(text, [values])
    return edited, check_params(tree, name=" ".join(f"--set {setting}" for setting in settings))


def _is_ours(text: str, repository: Repository) -> bool:
    """Whether `text` can be had again: it is committed, a profile, or what this command wrote last."""
    if text == _committed(repository) or text in _profile_texts(repository):
        return True
    note = _note(repository)
    return note.is_file() and note.read_text().strip() == _digest(text)


def _profile_texts(repository: Repository) -> list[str]:
    """The usable profiles as whole params files."""
    texts = []
    for name in profile_names(repository.profiles):
        with contextlib.suppress(ParamsError):
            texts.append(profile_text(repository.profiles, name))
    return texts


def _committed(repository: Repository) -> str | None:
    shown = subprocess.run(
        ["git", "show", f"HEAD:./{repository.params.name}"], cwd=repository.root, capture_output=True, text=True
    )
    return shown.stdout if shown.returncode == 0 else None


def _remember(text: str, repository: Repository) -> None:
    _note(repository).parent.mkdir(parents=True, exist_ok=True)
    _note(repository).write_text(_digest(text) + "\n")


def _note(repository: Repository) -> Path:
    return repository.state / "params.sha256"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
