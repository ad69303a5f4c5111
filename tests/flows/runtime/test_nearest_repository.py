"""Which checkout a command reads its params and weights of, by the folder that it is called in."""

from pathlib import Path

import pytest

from flows.runtime.repository import find_repository, nearest_repository
from tasks.code_files import REPOSITORY
from tasks.errors import InputError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout."""
    root = tmp_path / "checkout"
    (root / "below").mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml"):
        (root / name).touch()
    return root


def test_in_any_other_folder_it_is_that_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert nearest_repository().root == REPOSITORY
    with pytest.raises(InputError, match="expected a checkout of corrtrack"):
        find_repository()


def test_inside_a_checkout_it_is_this(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout / "below")
    assert nearest_repository() == find_repository()
    assert nearest_repository().root == checkout
