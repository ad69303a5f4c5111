"""A corpus in an S3 store on loopback: fetched once, and again only what is new or changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.reprocess_request import ReprocessRequest
from flows.runtime import remote_corpus
from flows.runtime.remote_corpus import fetch, local_corpus, look, require_readable, url_of
from flows.runtime.repository import find_repository
from flows.scheduling.scheduled_run import Policy
from flows.scheduling.serving import Serving, parameters_of
from flows.scheduling.timing import Timetable
from tasks.errors import InputError, MachineError, require_packages
from tasks.out_folder import claim_out_folder
from tests.object_store import empty_bucket, object_store

URL = "s3://lab/clips"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with object_store() as url:
        yield url


@pytest.fixture
def bucket(server, monkeypatch):
    """Two videos, boxes, and what is no part of a corpus."""
    bucket = empty_bucket(server, monkeypatch)
    put(bucket, {"clips/day/street.mp4": b"street", "clips/square.mp4": b"square", "clips/square.det.txt": b"1,-1"})
    put(bucket, {"clips/": b"", "clips/.hidden/x.mp4": b"x", "elsewhere/park.mp4": b"park", "clipsother.mp4": b"x"})
    return bucket


def put(bucket, objects):
    for key, content in objects.items():
        bucket.put_object(Key=key, Body=content)


def files(state: Path) -> dict[str, bytes]:
    root = state / "fetched/files"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def changed(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_ctime_ns


def fetched(state: Path) -> list[str]:
    """Fetch; gives what was reported."""
    sentences: list[str] = []
    fetch(URL, state, sentences.append)
    return sentences


WHOLE = {"day/street.mp4": b"street", "square.mp4": b"square", "square.det.txt": b"1,-1"}


def test_all_files_below_the_url_come_once_and_unchanged_ones_stay_as_they_are(bucket, tmp_path):
    assert fetched(tmp_path) == [f"{URL}: 3 of 3 files are new or changed and are fetched, 0 MiB"]
    assert files(tmp_path) == WHOLE
    before = {path: changed(path) for path in (tmp_path / "fetched").rglob("*.mp4")}
    assert fetched(tmp_path) == []
    assert {path: changed(path) for path in before} == before


def test_of_a_changed_corpus_only_the_changes_come_and_what_is_gone_goes(bucket, tmp_path):
    fetched(tmp_path)
    street = changed(tmp_path / "fetched/files/day/street.mp4")
    put(bucket, {"clips/square.mp4": b"SQUARE", "clips/night/park.mp4": b"park"})
    bucket.Object("clips/square.det.txt").delete()
    cache = look(URL, tmp_path)
    assert [file.name for file in cache.missing] == ["night/park.mp4", "square.mp4"]
    assert fetched(tmp_path) == [f"{URL}: 2 of 3 files are new or changed and are fetched, 0 MiB"]
    assert files(tmp_path) == {"day/street.mp4": b"street", "square.mp4": b"SQUARE", "night/park.mp4": b"park"}
    assert changed(tmp_path / "fetched/files/day/street.mp4") == street
    bucket.Object("clips/night/park.mp4").delete()
    fetched(tmp_path)
    assert not (tmp_path / "fetched/files/night").exists()


SPOIL = {
    "cut": lambda state: (state / "fetched/files/square.mp4").write_bytes(b"squ"),
    "gone": lambda state: (state / "fetched/files/square.mp4").unlink(),
    "not yet listed": lambda state: (state / "fetched/objects.jsonl").write_text(
        "".join(
            line for line in (state / "fetched/objects.jsonl").read_text().splitlines(True) if "square.mp4" not in line
        )
    ),
    "half a line": lambda state: (state / "fetched/objects.jsonl").write_text('{"name": "square.mp4", "url": "s3'),
}


@pytest.mark.parametrize("case", SPOIL)
def test_a_file_that_the_cache_has_not_whole_is_fetched_again(bucket, tmp_path, case):
    fetched(tmp_path)
    SPOIL[case](tmp_path)
    assert "square.mp4" in [file.name for file in look(URL, tmp_path).missing]
    fetched(tmp_path)
    assert files(tmp_path) == WHOLE
    assert look(URL, tmp_path).missing == []


def test_another_url_of_the_same_cache_is_another_corpus(bucket, tmp_path):
    fetched(tmp_path)
    put(bucket, {"other/square.mp4": b"square"})
    assert [file.name for file in look("s3://lab/other", tmp_path).missing] == ["square.mp4"]
    fetch("s3://lab/other", tmp_path, lambda _: None)
    assert files(tmp_path) == {"square.mp4": b"square"}


def test_a_single_video_may_be_named(bucket, tmp_path):
    fetch("s3://lab/clips/day/street.mp4", tmp_path, lambda _: None)
    assert files(tmp_path) == {"street.mp4": b"street"}
    out = tmp_path / "out"
    assert local_corpus("s3://lab/day/street.mp4", out) == out / ".corrtrack/fetched/files/street.mp4"
    assert local_corpus("s3://lab/day", out) == out / ".corrtrack/fetched/files"
    assert local_corpus("day/street.mp4", out) == Path("day/street.mp4")


def test_names_that_leave_the_cache_or_cannot_be_files_are_left_out_and_reported(bucket, tmp_path):
    put(bucket, {"clips/a//b.mp4": b"x", "clips/../up.mp4": b"x", "clips/both": b"x", "clips/both/in.mp4": b"in"})
    state = tmp_path / "state"
    reported = fetched(state)
    assert files(state) == WHOLE | {"both/in.mp4": b"in"}
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert [line.partition(":")[0] for line in reported[:-1]] == [
        *("lab/clips/../up.mp4", "lab/clips/a//b.mp4", "lab/clips/both")
    ]


def test_an_object_that_changes_while_the_corpus_is_fetched_leaves_whole_files_alone_and_comes_next_time(
    bucket, tmp_path
):
    fetched(tmp_path)
    put(bucket, {"clips/square.mp4": b"SQUARE", "clips/park.mp4": b"park"})

    def change(sentence: str) -> None:
        """Once the objects are listed."""
        assert sentence.startswith(URL)
        put(bucket, {"clips/square.mp4": b"square!"})

    with pytest.raises(
        MachineError, match=r"clips/square\.mp4: expected version \w+ as listed, got \w+, since the obj"
    ):
        fetch(URL, tmp_path, change)
    assert files(tmp_path)["square.mp4"] == b"square", "the earlier one stays until the new one is whole"
    assert not list(tmp_path.rglob("*.partial*"))
    fetched(tmp_path)
    assert files(tmp_path) == WHOLE | {"square.mp4": b"square!", "park.mp4": b"park"}


def test_a_disk_that_is_too_small_is_named_before_anything_is_fetched(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(remote_corpus, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(MachineError, match=rf"{tmp_path}/fetched: expected \d+ MiB free on its disk for the corpus"):
        fetched(tmp_path)
    assert files(tmp_path) == {}


@pytest.mark.parametrize("ask", [require_readable, lambda url: look(url, Path("nowhere"))])
@pytest.mark.parametrize("url", ["s3://nobody", "s3://nobody/clips", "s3://lab/nothing"])
def test_a_bucket_or_folder_that_is_not_there_is_bad_input(bucket, ask, url):
    with pytest.raises(InputError, match=rf"^{url}: expected a bucket "):
        ask(url)


def test_without_credentials_the_variables_are_named(bucket, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(InputError, match=r"^s3://lab/clips: expected credentials .*; set AWS_ACCESS_KEY_ID and"):
        require_readable(URL)


def test_a_store_that_does_not_answer_is_a_fault_of_the_machine(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(MachineError, match=r"^s3://lab/clips: expected an answer of the object store, got "):
        require_readable(URL)


@pytest.mark.parametrize("url", ["https://example.org/a.mp4", "s3://", "gs:///"])
def test_other_urls_are_refused(url):
    with pytest.raises(InputError, match=r"expected a path, or a URL such as s3://BUCKET/FOLDER or gs://"):
        url_of(url)


def test_the_extra_of_a_package_that_is_missing_is_named():
    with pytest.raises(
        InputError, match=r"^s3://b: expected the packages fsspec, absent_fs, no absent_fs found; get it"
    ):
        require_packages("s3://b", "fsspec", "absent_fs", advice="get it")


def test_an_out_folder_is_no_url():
    with pytest.raises(InputError, match=r"--out s3:/lab/out: expected a folder on a disk, got a URL"):
        claim_out_folder(Path("s3://lab/out"))


def test_a_schedule_hands_the_url_to_its_runs():
    request = ReprocessRequest(local_corpus(URL, Path("out")), Path("out"), None, (), settle_seconds=60.0, url=URL)
    serving = Serving(request, Timetable(every_seconds=60, anchor=""), Policy(), None, has_own_server=False)
    parameters = parameters_of(Path("out").resolve(), find_repository(), serving)
    assert parameters["corpus"] == URL
    assert url_of(parameters["corpus"]) == URL
    assert (request.quiet_seconds, request.inputs) == (0.0, [])
