"""Reading params.yaml: safe YAML, checked whole, one error that names the key and the reason."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tasks.errors import InputError
from tasks.params.rules import broken_rules
from tasks.params.sections import Params


class ParamsError(InputError):
    """A params file that cannot be used; names the file, the dotted key, what was expected and what was found."""


def load_params(path: Path) -> Params:
    """All sections of the params file `path`, checked one by one and against each other.

    Raises:
        ParamsError: the file is not there or not YAML, or a key is unknown, missing, mistyped or out of range.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: expected a readable params file, got {error}") from error
    return parse_params(text, name=path.name)


def parse_params(text: str, *, name: str) -> Params:
    """The sections in the YAML `text`; errors call it `name` (see `load_params`)."""
    return check_params(read_tree(text, name=name), name=name)


def check_params(tree: Mapping[str, Any], *, name: str) -> Params:
    """The sections in nested dicts; errors call them `name` (see `load_params`)."""
    try:
        params = Params.model_validate_json(json.dumps(tree, default=str), strict=True)
    except ValidationError as error:
        raise ParamsError(_first_problem(error.errors(), tree, name)) from None
    for key, expected, value in broken_rules(params):
        raise ParamsError(f"{name}: {key} must be {expected}, got {value}")
    return params


def read_tree(text: str, *, name: str) -> dict[str, Any]:
    """`text` as nested dicts, by safe YAML without duplicate keys.

    Raises:
        ParamsError: not YAML, or not a mapping of sections.
    """
    try:
        tree = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ParamsError(f"{name}: {where}expected YAML, got {(error.problem or 'a syntax error').strip()}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise ParamsError(f"{name}: expected YAML, got {str(error).splitlines()[0]}") from None
    if not isinstance(tree, dict):
        raise ParamsError(f"{name}: expected a mapping of sections, got {type(tree).__name__}")
    return tree


def nearest_key(key: str) -> str | None:
    """The known dotted key that looks most like `key`, in its own section first; None when none comes near."""
    known, section = known_keys(), key.rpartition(".")[0]
    inside = [name for name in known if name.rpartition(".")[0] == section]
    for names, cutoff in ((inside, 0.6), (known, 0.7)):
        if near := difflib.get_close_matches(key, names, n=1, cutoff=cutoff):
            return near[0]
    last = key.rpartition(".")[2]
    return next((name for name in known if name.rpartition(".")[2] == last), None)


def known_keys() -> list[str]:
    """Every dotted key that a params file has, sections included, in order."""
    return _keys_below(Params, "")


def _keys_below(model: Any, prefix: str) -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        keys.append(f"{prefix}{name}")
        if hasattr(field.annotation, "model_fields"):
            keys += _keys_below(field.annotation, f"{prefix}{name}.")
    return keys


def _first_problem(problems: list[ErrorDetails], tree: Mapping[str, Any], name: str) -> str:
    """One sentence on the first problem; an unknown key comes first, since it explains the missing one."""
    first = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{name}: {_sentence(first, tree)}{more}"


def _sentence(problem: ErrorDetails, tree: Mapping[str, Any]) -> str:
    key = _dotted(problem, tree)
    match problem["type"]:
        case "extra_forbidden":
            near = nearest_key(key)
            hint = f"; did you mean {near}?" if near else "; remove it"
            return f"expected a known key, got {key} = {_shown(problem['input'])}{hint}"
        case "missing":
            kind = "section" if "." not in key else "key"
            return f"expected the {kind} {key}, got nothing; add it (profiles/demo.yaml holds every key)"
    expected = problem["msg"].removeprefix("Input should be ").replace("greater than or equal to", ">=")
    expected = expected.replace("less than or equal to", "<=")
    return f"{key} must be {expected}, got {_shown(problem['input'])}"


def _dotted(problem: ErrorDetails, tree: Mapping[str, Any]) -> str:
    """The key as written in the file: pydantic adds the tried member of a union to the location, which is no key."""
    parts: list[str] = []
    here: Any = tree
    for part in problem["loc"]:
        inside = isinstance(here, dict) or (isinstance(here, list) and isinstance(part, int))
        if not inside:
            break
        parts.append(str(part))
        here = here.get(part) if isinstance(here, dict) else here[int(part)]
    return ".".join(parts)


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
