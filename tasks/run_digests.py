"""What the results of a run depend on besides its code, as digests that are the same in every clone."""

from typing import TYPE_CHECKING, Any, Final

from tasks.content_key import content_key, file_digest
from tasks.tables.schemas import TABLES
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_INDEX: Final = ("videos", "frames", "images", "persons", "file_poses")
"""Tables of the corpus; they hold the digests of its pictures and videos."""


def run_digests(workspace: Workspace, params: "Params") -> dict[str, Any]:
    """SHA-256 of params, data and each weight file, and the seed; `data_sha256` is None before the index is written."""
    tables = {name: TABLES[name].path(workspace.tables) for name in _INDEX}
    present = {name: path for name, path in tables.items() if path.is_file()}
    return {
        "params_sha256": params_digest(params),
        "seed": params.run.seed,
        "data_sha256": content_key(present) if present else None,
        "weights_sha256": {path.stem: file_digest(path) for path in sorted(workspace.models.glob("*.safetensors"))},
    }


def params_digest(params: "Params") -> str:
    """Digest of all params but those of `compute`, which change no result."""
    return content_key(params.model_dump(mode="json", exclude={"compute"}))
