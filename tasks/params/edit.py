"""Changing params.yaml as a person would: one value at a time, comments kept."""

import copy
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.representer import RoundTripRepresenter

from tasks.params.loading import ParamsError, nearest_key, read_tree
from tasks.whole_files import write_whole


def set_value(text: str, key: str, value: str) -> str:
    """The params file `text` with the dotted `key` set to the YAML `value`, all comments kept.

    Only an existing key can be set; whether the value fits is checked by `parse_params`.

    Raises:
        ParamsError: no such key, or the value is not YAML.
    """
    ((edited, _),) = set_values(text, [{key: value}])
    return edited


def set_values(text: str, changes: Iterable[Mapping[str, str]]) -> list[tuple[str, dict[str, Any]]]:
    """The params file `text` with each of `changes`, values by dotted key, as text and as nested dicts.

    Reading and writing YAML with its comments takes a second, which all changes share.

    Raises:
        ParamsError: no such key, or a value is not YAML.
    """
    plain, tree = read_tree(text, name="params.yaml"), load_yaml(text)
    edited = []
    for values in changes:
        parsed = {key: _value(plain, key, value) for key, value in values.items()}
        before = {key: _put(tree, key, value) for key, value in parsed.items()}
        changed = copy.deepcopy(plain)
        for key, value in parsed.items():
            _put(changed, key, value)
        edited.append((dump_yaml(tree) if values else text, changed))
        for key, value in before.items():
            _put(tree, key, value)
    return edited


def _put(tree: Any, key: str, value: Any) -> Any:
    """Set a key that is there, and return what it was."""
    *sections, last = key.split(".")
    for section in sections:
        tree = tree[section]
    before, tree[last] = tree[last], value
    return before


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


class _Representer(RoundTripRepresenter):
    """Writes null where ruamel leaves the value out; a class of its own, since DVC writes dvc.lock by ruamel's."""


_Representer.add_representer(
    type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
)


def _writer() -> YAML:
    writer = YAML(typ="rt")
    writer.preserve_quotes = True
    writer.width = 4096
    writer.Representer = _Representer
    return writer


def _value(tree: Mapping[str, Any], key: str, value: str) -> Any:
    """The value, for a key that is in the tree."""
    *sections, last = key.split(".")
    parent: Any = tree
    for section in sections:
        parent = parent.get(section) if isinstance(parent, dict) else None
    if not sections or not isinstance(parent, dict) or last not in parent:
        near = nearest_key(key)
        hint = f"; did you mean {near}?" if near else ""
        raise ParamsError(f"--set {key}={value}: expected a key of params.yaml as section.key, got {key}{hint}")
    try:
        return YAML(typ="rt").load(value)
    except YAMLError as error:
        raise ParamsError(f"--set {key}={value}: expected a YAML value, got {str(error).splitlines()[0]}") from None
