"""`python -m tasks.demo_corpus` on a small copy of the repository's params.yaml."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks.demo_corpus.__main__ import main
from tasks.demo_corpus.corpus import is_demo
from tasks.params.loading import load_params

PARAMS = Path(__file__).parents[3] / "params.yaml"
SMALL = {
    **{"coco_train_images": 1, "coco_val_images": 1, "train_videos": 1, "val_videos": 1, "frames_per_video": 2},
    **{"width": 128, "height": 96},
}


@pytest.fixture
def params(tmp_path: Path) -> Path:
    yaml = YAML()
    tree = yaml.load(PARAMS.read_text())
    tree["index"]["demo_corpus"].update(SMALL)
    path = tmp_path / "params.yaml"
    with path.open("w") as file:
        yaml.dump(tree, file)
    return path


def test_it_writes_the_corpus_once(tmp_path: Path, params: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "data"
    assert main(["--root", str(root), "--params", str(params)]) == 0
    assert is_demo(root)
    written = (root / "demo_corpus.json").stat().st_mtime_ns
    with caplog.at_level("INFO", logger="tasks.demo_corpus"):
        assert main(["--root", str(root), "--params", str(params)]) == 0
    assert (root / "demo_corpus.json").stat().st_mtime_ns == written
    assert "holds this corpus already" in caplog.text


def test_another_seed_replaces_it(tmp_path: Path, params: Path) -> None:
    root = tmp_path / "data"
    for seed in ("1", "2"):
        assert main(["--root", str(root), "--params", str(params), "--seed", seed]) == 0
        assert f'"seed":{seed}' in (root / "demo_corpus.json").read_text()


def test_foreign_data_is_bad_input(tmp_path: Path, params: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "mine.txt").write_text("mine")
    assert main(["--root", str(root), "--params", str(params)]) == 2
    assert "found other files" in caplog.text


def test_missing_params_are_bad_input(tmp_path: Path) -> None:
    assert main(["--root", str(tmp_path / "data"), "--params", str(tmp_path / "none.yaml")]) == 2


def test_flow_goes_where_the_option_says_and_nowhere_else(tmp_path: Path, params: Path) -> None:
    assert main(["--root", str(tmp_path / "data"), "--params", str(params), "--flow", str(tmp_path / "flow")]) == 0
    assert [path.name for path in (tmp_path / "flow").rglob("*.png")] == ["000000.png"]
    assert not (tmp_path / "data").exists()


def test_the_demo_is_large_enough_to_learn_from_and_small_enough_to_wait_for() -> None:
    corpus = load_params(PARAMS).index.demo_corpus
    assert corpus.coco_train_images >= 200
    assert corpus.train_videos == corpus.val_videos == 8
    assert corpus.frames_per_video * 16 + corpus.coco_train_images + corpus.coco_val_images < 1000
