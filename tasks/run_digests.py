"""What the results of a run depend on besides its code, as digests that are the same in every clone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tasks.content_key import content_key, file_digest
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_INDEX: Final = ("videos", "frames", "images", "persons", "file_poses")
"""Tables of the corpus; they hold the digests of its pictures and videos."""


def run_digests(workspace: Workspace, params: "Params") -> dict[str, Any]:
    """SHA-256 of params, data and each weight file, and the seed; `data_sha256` is None before the index is written."""
    from tasks.tables.schemas import TABLES  # loads NumPy, which must not be there before its threads are limited

    tables = {name: TABLES[name].path(workspace.tables) for name in _INDEX}
    present = {name: path for name, path in tables.items() if path.is_file()}
    return {
        "params_sha256": params_digest(params.model_dump(mode="json")),
        "seed": params.run.seed,
        "data_sha256": content_key(present) if present else None,
        "weights_sha256": {path.stem: file_digest(path) for path in sorted(workspace.models.glob("*.safetensors"))},
    }


def params_digest(sections: Mapping[str, Any]) -> str:
    """Digest of params by section, but for those of `compute`, which change no result.

    1 and 1.0 are alike, which YAML and JSON do not write alike, so that equal params have equal digests.
    """
    return content_key(_plain({name: values for name, values in sections.items() if name != "compute"}))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
