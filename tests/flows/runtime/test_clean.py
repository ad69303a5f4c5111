"""`make clean` deletes what the stages wrote and nothing else."""

import hashlib
import json
from pathlib import Path

from flows.runtime.clean import clean
from flows.runtime.repository import Repository
from tasks.whole_files import write_whole

_OF_THE_USER = (
    "artifacts/models/imported.safetensors",
    "artifacts/exports/posetrack18/merged/x.json",
    "reports/clips/holiday.mp4",
    "reports/mine.txt",
    "data/coco/a.jpg",
)


def checkout(root: Path) -> Repository:
    for name in ("dvc.yaml", "params.yaml", *_OF_THE_USER):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    for name in ("artifacts/tables/videos.parquet", "artifacts/provenance/index.json", "reports/clips/street.mp4"):
        write_whole(root / name, "ours")
    return Repository(root)


def files_of(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_files_of_the_user_stay_and_are_named(tmp_path):
    kept = clean(checkout(tmp_path))
    assert files_of(tmp_path) == {"dvc.yaml", "params.yaml", *_OF_THE_USER}
    assert {path.relative_to(tmp_path).as_posix() for path in kept} == set(_OF_THE_USER[:3])


def test_outputs_that_dvc_restored_are_deleted_by_their_digests(tmp_path):
    repository = checkout(tmp_path)
    clean(repository)
    outs = []
    for name, text in (("artifacts/models/pose.safetensors", "weights"), ("artifacts/tables/poses/a.parquet", "poses")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        digest = hashlib.md5(text.encode()).hexdigest()
        if name.endswith(".parquet"):
            listing = tmp_path / ".dvc/cache/files/md5/ab/cd.dir"
            listing.parent.mkdir(parents=True)
            listing.write_text(json.dumps([{"md5": digest, "relpath": "a.parquet"}]))
            outs.append({"path": "artifacts/tables/poses", "md5": "abcd.dir"})
        else:
            outs.append({"path": name, "md5": digest})
    (tmp_path / "artifacts/tables/poses/mine.parquet").write_text("poses of another tool")
    (tmp_path / "dvc.lock").write_text(json.dumps({"stages": {"estimate": {"outs": outs}}}))
    kept = {path.relative_to(tmp_path).as_posix() for path in clean(repository)}
    assert kept == {*_OF_THE_USER[:3], "artifacts/tables/poses/mine.parquet"}
    assert not (tmp_path / "artifacts/models/pose.safetensors").exists()
    assert not (tmp_path / "artifacts/tables/poses/a.parquet").exists()


def test_a_checkout_without_results_is_clean(tmp_path):
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text("")
    assert clean(Repository(tmp_path)) == []
    assert files_of(tmp_path) == {"dvc.yaml", "params.yaml"}
