"""Work that is done once: again only after a change of code, params or inputs."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tasks.content_key import code_key, content_key
from tasks.params.sections import Params
from tasks.whole_files import write_whole

_NO_RESULT: Final = "compute"
"""The section that changes no result."""


def key_of(module: str, params: Params, *inputs: str | Path) -> str:
    """Digest of what a result depends on: the code of `module`, the params, earlier keys and the bytes of files."""
    numbers = params.model_dump(mode="json", exclude={_NO_RESULT})
    return content_key({"code": code_key(module), "params": numbers, "inputs": inputs})


def stage_key(stage: str, params: Params, *inputs: str | Path) -> str:
    """`key_of` for a stage; the weights that a training starts from are among its inputs, by their bytes."""
    start_weights = getattr(getattr(params, stage, None), "start_weights", None)
    read = [Path(start_weights)] if start_weights is not None and Path(start_weights).is_file() else []
    return key_of(f"tasks.{stage}", params, *inputs, *read)


def once(marker: Path, key: str, work: Callable[[], object], *, results: Iterable[Path] = ()) -> bool:
    """Do `work` unless `marker` shows that it was done under the same key and its results are there.

    The marker is written last, so that work that was broken off is done again. Returns whether it was done now.
    """
    if marker.is_file() and marker.read_text(encoding="utf-8") == key and all(path.exists() for path in results):
        return False
    marker.unlink(missing_ok=True)
    work()
    write_whole(marker, key)
    return True
