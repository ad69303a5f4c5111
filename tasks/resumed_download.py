"""Fetching a large file so that a transfer that broke off goes on where it ended."""

from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tasks.content_key import file_digest
from tasks.errors import InputError
from tasks.public_weights import PublicWeights

_BLOCK_BYTES: Final = 1 << 20
_SECONDS_WITHOUT_BYTES: Final = 60.0
_PARTIAL, _RANGE_BEYOND_END = 206, 416


def fetch_resumed(weights: PublicWeights, target: Path, progress: Callable[[int, int | None], None]) -> str:
    """Fetch published weights to `target`, and return the file's SHA-256; nothing is fetched if it is there already.

    What came of an earlier call lies beside `target` with the ending .partial, and is gone on from. A file whose hash
    nobody has published is known again by the one that the first call writes to TARGET.sha256.

    Args:
        weights: what to fetch.
        target: the file.
        progress: called with the bytes that are there and the bytes of the whole, None where the server hides them.

    Raises:
        InputError: it cannot be fetched whole, or is not the file that was expected.
    """
    partial = target.with_name(f"{target.name}.partial")
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _go_on(weights.url, partial, progress)
        except (OSError, HTTPException, ValueError) as error:
            raise InputError(
                f"{weights.url}: expected to fetch it whole, got {error}; the same command goes on from "
                f"{partial.stat().st_size if partial.is_file() else 0} bytes, or put the file at {target}"
            ) from error
        _checked(weights, partial, target)
        partial.replace(target)
    return _checked(weights, target, target)


def _go_on(url: str, partial: Path, progress: Callable[[int, int | None], None]) -> None:
    start = partial.stat().st_size if partial.is_file() else 0
    request = Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310 - of our own table
    try:
        with urlopen(request, timeout=_SECONDS_WITHOUT_BYTES) as response:  # noqa: S310
            _receive(response, partial, start if response.status == _PARTIAL else 0, progress)
    except HTTPError as error:
        if error.code != _RANGE_BEYOND_END:
            raise
        # All of it is there: the hash says whether it is right.


def _receive(response: HTTPResponse, partial: Path, start: int, progress: Callable[[int, int | None], None]) -> None:
    length = response.headers.get("Content-Length")
    total, size = (None if length is None else start + int(length)), start
    with partial.open("ab" if start else "wb") as file:
        while block := response.read(_BLOCK_BYTES):
            file.write(block)
            size += len(block)
            progress(size, total)
    if total is not None and size != total:
        raise OSError(f"{size} of {total} bytes")


def _checked(weights: PublicWeights, file: Path, target: Path) -> str:
    digest, note = file_digest(file), target.with_name(f"{target.name}.sha256")
    recorded = note.read_text(encoding="ascii").strip() if note.is_file() else ""
    expected = weights.hash_prefix or recorded
    if not digest.startswith(expected):
        if file != target:
            file.unlink()  # it would be gone on from, and stay wrong
        raise InputError(
            f"{target}: expected a file whose SHA-256 begins with {expected}, got {digest}; fetch it again"
        )
    if not expected:
        note.write_text(f"{digest}\n", encoding="ascii")
    return digest
