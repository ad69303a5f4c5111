"""The corpus as a whole: same seed same bytes, nothing half written, nobody's data overwritten."""

import ast
import hashlib
from pathlib import Path

import pytest

import tasks.demo_corpus
from tasks.demo_corpus import corpus as corpus_module
from tasks.demo_corpus.corpus import foreign_files, is_current, is_demo, synthesise
from tasks.demo_corpus.params import CorpusParams

SEED = 7


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def dot(tiny: CorpusParams) -> CorpusParams:
    """A corpus of a few pictures, one per split and kind."""
    few = {"coco_train_images": 2, "coco_val_images": 1, "train_videos": 2, "val_videos": 1, "frames_per_video": 3}
    return tiny.model_copy(update=few)


def test_same_seed_gives_the_same_bytes_and_another_seed_other_bytes(tmp_path: Path, dot: CorpusParams) -> None:
    for name, seed in (("first", SEED), ("second", SEED), ("third", SEED + 1)):
        synthesise(tmp_path / name, dot, seed=seed)
    first, second, third = (digests(tmp_path / name) for name in ("first", "second", "third"))
    assert first == second
    assert first.keys() == third.keys()
    assert all(first[name] != third[name] for name in first)


def test_more_videos_leave_the_others_as_they_were(tmp_path: Path, dot: CorpusParams) -> None:
    synthesise(tmp_path / "few", dot, seed=SEED)
    synthesise(tmp_path / "more", dot.model_copy(update={"train_videos": 3}), seed=SEED)
    few, more = digests(tmp_path / "few"), digests(tmp_path / "more")
    frames = [name for name in few if name.startswith(("posetrack/images", "coco_demo/images"))]
    assert frames and all(few[name] == more[name] for name in frames)


def test_the_marker_holds_parameters_and_seed(corpus_root: Path, tiny: CorpusParams) -> None:
    assert is_demo(corpus_root)
    assert is_current(corpus_root, tiny, SEED)
    assert not is_current(corpus_root, tiny, SEED + 1)
    assert not is_current(corpus_root, tiny.model_copy(update={"width": 161}), SEED)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", "{not json"])
def test_a_folder_without_a_whole_marker_is_no_demo_corpus(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "demo_corpus.json").write_text(content)
    assert not is_demo(tmp_path)


def test_other_data_is_never_overwritten(tmp_path: Path, dot: CorpusParams) -> None:
    root = tmp_path / "data"
    (root / "coco_2017").mkdir(parents=True)
    (root / "coco_2017" / "mine.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="found other files"):
        synthesise(root, dot, seed=SEED)
    assert (root / "coco_2017" / "mine.txt").read_text() == "years of work"


def test_an_older_demo_corpus_is_replaced_whole(tmp_path: Path, dot: CorpusParams) -> None:
    root = tmp_path / "data"
    synthesise(root, dot.model_copy(update={"train_videos": 3}), seed=SEED + 1)
    assert foreign_files(root) == []
    synthesise(root, dot, seed=SEED)
    assert is_current(root, dot, SEED)
    assert len(list((root / "posetrack/annotations/train").iterdir())) == 2


@pytest.mark.parametrize("name", ["videos/holiday.mp4", "posetrack/annotations/val/000342_mpii_test.json", "notes.txt"])
def test_a_file_of_the_user_beside_a_demo_corpus_stays(tmp_path: Path, dot: CorpusParams, name: str) -> None:
    root = tmp_path / "data"
    synthesise(root, dot, seed=SEED)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("years of work")
    before = digests(root)
    with pytest.raises(FileExistsError, match=f"such as {name}"):
        synthesise(root, dot, seed=SEED + 1)
    assert digests(root) == before


def test_a_broken_run_leaves_nothing_and_keeps_what_was_there(
    tmp_path: Path, dot: CorpusParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    synthesise(root, dot, seed=SEED)
    before = digests(root)

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(corpus_module, "write_posetrack", full_disk)
    with pytest.raises(OSError, match="no space left"):
        synthesise(root, dot, seed=SEED + 1)
    assert digests(root) == before
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_progress_is_reported_as_unit_done_and_total(tmp_path: Path, dot: CorpusParams) -> None:
    reports: list[tuple[str, int, int]] = []
    synthesise(tmp_path / "data", dot, seed=SEED, report=lambda *values: reports.append(values))
    assert reports == [
        ("train pictures", 2, 2),
        ("train videos", 1, 2),
        ("train videos", 2, 2),
        ("val pictures", 1, 1),
        ("val videos", 1, 1),
    ]


def imported_names(source: str) -> set[str]:
    tree = ast.walk(ast.parse(source))
    names: set[str] = set()
    for node in tree:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_the_synthesiser_knows_nothing_of_the_tracker() -> None:
    folder = Path(tasks.demo_corpus.__path__[0])
    of_models = {
        name
        for path in folder.glob("*.py")
        for name in imported_names(path.read_text())
        if name.split(".")[0] == "models"
    }
    assert of_models == {"models.arrays", "models.keypoints"}


def test_reading_the_parameters_imports_no_renderer() -> None:
    folder = Path(tasks.demo_corpus.__path__[0])
    for name in ("__init__.py", "params.py"):
        assert not any(
            imported.startswith("tasks.demo_corpus") for imported in imported_names((folder / name).read_text())
        )
