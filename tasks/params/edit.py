"""Changing params.yaml as a person would: one value at a time, comments kept."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.params.loading import ParamsError, nearest_key, read_tree
from tasks.whole_files import write_whole


def set_value(text: str, key: str, value: str) -> str:
    """The params file `text` with the dotted `key` set to the YAML `value`, all comments kept.

    Only an existing key can be set; whether the value fits is checked by `parse_params`.

    Raises:
        ParamsError: no such key, or the value is not YAML.
    """
    read_tree(text, name="params.yaml")
    tree = load_yaml(text)
    *sections, last = key.split(".")
    parent: Any = tree
    for section in sections:
        parent = parent.get(section) if isinstance(parent, dict) else None
    if not sections or not isinstance(parent, dict) or last not in parent:
        near = nearest_key(key)
        hint = f"; did you mean {near}?" if near else ""
        raise ParamsError(f"--set {key}={value}: expected a key of params.yaml as section.key, got {key}{hint}")
    parent[last] = _value(key, value)
    return dump_yaml(tree)


def write_params(path: Path, text: str) -> None:
    """Replace the params file `path` by `text`; a reader sees the old or the new, never half of it."""
    write_whole(path, text)


def load_yaml(text: str) -> Any:
    """The YAML `text` as a tree that keeps its comments."""
    return _writer().load(text)


def dump_yaml(tree: Any) -> str:
    """The tree of `load_yaml` as text again."""
    written = io.StringIO()
    _writer().dump(tree, written)
    return written.getvalue()


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
