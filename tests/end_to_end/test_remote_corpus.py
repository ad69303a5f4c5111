"""`corrtrack reprocess` on a corpus in an S3 store on loopback."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.test_reprocess import write_video
from tests.end_to_end.test_schedule import states
from tests.object_store import empty_bucket, object_store

pytestmark = pytest.mark.end_to_end
URL = "s3://lab/clips"


@pytest.fixture
def bucket(monkeypatch):
    with object_store() as url:
        yield empty_bucket(url, monkeypatch)


def add_video(corpus: Path, name: str, frames: int = 4) -> None:
    corpus.mkdir(exist_ok=True)
    boxes = "".join(f"{frame},-1,{10 + frame},8,16,48,0.9\n" for frame in range(1, frames + 1))
    (corpus / f"{name}.det.txt").write_text(boxes)
    write_video(corpus / f"{name}.mp4", frames)


def upload(bucket, corpus: Path) -> None:
    for path in corpus.iterdir():
        bucket.upload_file(str(path), f"clips/{path.name}")


def results(out: Path) -> dict[str, bytes]:
    """Bytes of all tables and exports."""
    files = [*out.glob("artifacts/tables/**/*.parquet"), *out.glob("artifacts/exports/**/*.*")]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files if path.is_file()}


def plan(corrtrack, *arguments) -> dict:
    code, text = corrtrack("reprocess", URL, *arguments, "--dry-run", "--json")
    assert code == 0, text
    answer: dict = json.loads(text)
    return answer | {"videos": {video["video_id"]: video["step"] for video in answer["videos"]}}


def test_a_corpus_in_a_store_gives_the_results_of_one_on_a_disk_on_any_nodes_and_only_changes_are_fetched(
    corrtrack, tmp_path, bucket, untrained_weights
):
    corpus, options = tmp_path / "corpus", ("--weights", untrained_weights)
    for name in ("street", "square"):
        add_video(corpus, name)
    upload(bucket, corpus)
    there = ("--out", tmp_path / "there", *options)

    code, text = corrtrack("reprocess", URL, *there)
    assert code == 0, text
    assert f"{URL}: 4 of 4 files are new or changed and are fetched" in text
    code, text = corrtrack("reprocess", corpus, "--out", tmp_path / "here", *options)
    assert code == 0, text
    whole = results(tmp_path / "there")
    assert whole == results(tmp_path / "here")
    assert "artifacts/tables/merged_tracks/street.parquet" in whole

    nodes = {"executor": "ray", "ray_from_frames": 0, "shared_disk": "false", "node_cache": tmp_path / "node"}
    options += tuple(part for name, value in nodes.items() for part in ("--set", f"compute.{name}={value}"))
    code, text = corrtrack("reprocess", URL, "--out", tmp_path / "nodes", *options)
    assert code == 0, text
    assert {path.name for path in tmp_path.glob("node/entries/*/*.mp4")} == {"street.mp4", "square.mp4"}
    assert whole == results(tmp_path / "nodes")
    code, text = corrtrack("reprocess", corpus, "--out", tmp_path / "nodes", *options)
    assert code == 2, text
    assert "compute.shared_disk is false: expected a corpus by URL" in text

    add_video(corpus, "street", frames=5)
    add_video(corpus, "park")
    upload(bucket, corpus)
    for name in ("square.mp4", "square.det.txt"):
        bucket.Object(f"clips/{name}").delete()
    planned = plan(corrtrack, *there)
    assert planned["videos"] == {
        "park": "track: new", "street": "track: changed", "square": "leave, removed: "
    }  # fmt: skip
    assert planned["files_to_fetch"] == 4

    code, text = corrtrack("reprocess", URL, *there)
    assert code == 0, text
    assert f"{URL}: 4 of 4 files are new or changed and are fetched" in text
    assert states(tmp_path / "there") == {"street": "done", "park": "done", "square": "removed"}
