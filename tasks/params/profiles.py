"""Profiles: files that hold only what differs from the demo's numbers, or from another profile's."""

from pathlib import Path
from typing import Any, Final

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.tokens import CommentToken

from tasks.errors import InputError
from tasks.params.edit import dump_yaml, load_yaml
from tasks.params.loading import ParamsError, nearest_key, parse_params, read_tree

DEMO: Final = "demo"
"""The profile that holds every key; the others lie over it."""
_BASE_KEY: Final = "extends"
"""Optional first key of a profile: the name of the profile that it differs from, instead of the demo's."""


def profile_names(folder: Path) -> list[str]:
    """Names of the profiles in `folder`, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def profile_text(folder: Path, name: str) -> str:
    """The profile `name` of `folder` as a whole params file.

    Raises:
        InputError: there is no such profile, or it is not usable.
    """
    known = profile_names(folder)
    if name not in known:
        raise InputError(f"--profile {name}: expected one of {', '.join(known) or 'none there'}, got {name}")
    return whole_text(folder / f"{name}.yaml", folder)


def whole_text(path: Path, folder: Path) -> str:
    """The params file that `path` describes: its values laid over those of the profile that it extends.

    Comments of the base stay; a comment of `path` beside a value replaces the base's, and so do the lines at
    its top. A file that holds every key stays as it is in all its values.

    Args:
        path: a file of differences, or a whole params file.
        folder: where the profiles lie that it may extend.

    Raises:
        ParamsError: the file is not there, or a key is unknown, mistyped or out of range.
    """
    demo = folder / f"{DEMO}.yaml"
    text = _checked_whole(path, folder, demo, above=())
    parse_params(text, name=path.name)
    return text


def _checked_whole(path: Path, folder: Path, demo: Path, *, above: tuple[Path, ...]) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: expected a readable params file, got {error}") from error
    if path == demo:
        return text
    base_name = read_tree(text, name=path.name).get(_BASE_KEY, DEMO)
    base = folder / f"{base_name}.yaml"
    if path in above or not base.is_file():
        known = ", ".join(profile_names(folder))
        raise ParamsError(f"{path.name}: {_BASE_KEY} must be another profile ({known}), got {base_name}")
    return _laid_over(_checked_whole(base, folder, demo, above=(*above, path)), text, name=path.name)


def _laid_over(base: str, differences: str, *, name: str) -> str:
    tree, changes = load_yaml(base), load_yaml(differences)
    changes.pop(_BASE_KEY, None)
    if changes.ca.comment is not None:
        tree.ca.comment = changes.ca.comment
    _lay(tree, changes, section="", name=name)
    return dump_yaml(tree)


def _lay(target: CommentedMap, source: CommentedMap, *, section: str, name: str) -> None:
    for key, value in source.items():
        if key not in target:
            near = nearest_key(f"{section}{key}")
            hint = f"; did you mean {near}?" if near else "; remove it"
            raise ParamsError(f"{name}: expected a known key, got {section}{key}{hint}")
        if isinstance(target[key], CommentedMap) and isinstance(value, CommentedMap):
            _lay(target[key], value, section=f"{section}{key}.", name=name)
        else:
            target[key] = _on_one_line(value)
            _take_comment(target, source, key)


def _on_one_line(value: Any) -> Any:
    if not isinstance(value, CommentedSeq):
        return value
    line = CommentedSeq(value)
    line.fa.set_flow_style()
    return line


def _take_comment(target: CommentedMap, source: CommentedMap, key: str) -> None:
    """Copy the comment behind a value; the blank lines after it, part of the same token, stay those of the target."""
    token = _comment_token(source, key)
    comment = token.value.partition("\n")[0] if token else ""
    if not comment.startswith("#"):
        return
    old = _comment_token(target, key)
    following = old.value.partition("\n")[2] if old else ""
    new = CommentToken(f"{comment}\n{following}", token.start_mark if token else None, None)
    target.ca.items[key] = [None, None, new, None]


def _comment_token(tree: CommentedMap, key: str) -> CommentToken | None:
    entry = tree.ca.items.get(key)
    token: CommentToken | None = entry[2] if entry else None
    return token
