"""Changing params.yaml as a person would: one value at a time, comments kept, or a whole profile."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.params.loading import ParamsError, load_params, nearest_key, read_tree
from tasks.whole_files import write_whole


def set_value(text: str, key: str, value: str) -> str:
    """The params file `text` with the dotted `key` set to the YAML `value`, all comments kept.

    Only an existing key can be set; whether the value fits is checked by `parse_params`.

    Raises:
        ParamsError: no such key, or the value is not YAML.
    """
    read_tree(text, name="params.yaml")
    writer = _writer()
    tree = writer.load(text)
    *sections, last = key.split(".")
    place: Any = tree
    for section in sections:
        place = place.get(section) if isinstance(place, dict) else None
    if not sections or not isinstance(place, dict) or last not in place:
        near = nearest_key(key)
        hint = f"; did you mean {near}?" if near else ""
        raise ParamsError(f"--set {key}={value}: expected a key of params.yaml as section.key, got {key}{hint}")
    place[last] = _value(key, value)
    written = io.StringIO()
    writer.dump(tree, written)
    return written.getvalue()


def apply_profile(profile: Path, params: Path) -> None:
    """Write the profile file over the params file, in one step and only after it was checked whole.

    Raises:
        ParamsError: the profile is not there or not usable; the params file is then untouched.
    """
    load_params(profile)
    write_params(params, profile.read_text(encoding="utf-8"))


def write_params(path: Path, text: str) -> None:
    """Replace the params file `path` by `text`; a reader sees the old or the new, never half of it."""
    write_whole(path, text)


def _writer() -> YAML:
    writer = YAML(typ="rt")
    writer.preserve_quotes = True
    writer.width = 4096
    writer.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return writer


def _value(key: str, value: str) -> Any:
    try:
        parsed = YAML(typ="rt").load(value)
    except YAMLError as error:
        raise ParamsError(f"--set {key}={value}: expected a YAML value, got {str(error).splitlines()[0]}") from None
    return parsed
