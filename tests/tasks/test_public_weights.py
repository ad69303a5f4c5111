"""Weights of others, fetched from a server on loopback."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tasks.errors import InputError
from tasks.public_weights import PUBLIC, PublicWeights, fetched

CONTENT = b"weights " * 5000
PREFIX = hashlib.sha256(CONTENT).hexdigest()[:8]


class Handler(BaseHTTPRequestHandler):
    """Serves the file whole, or broken off in the middle."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path.startswith("/absent"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if self.path.startswith("/broken") else CONTENT)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def weights_at(server: ThreadingHTTPServer, path: str, prefix: str = PREFIX) -> PublicWeights:
    return PublicWeights(f"http://127.0.0.1:{server.server_address[1]}/{path}", prefix)


def test_a_file_is_fetched_once(server: ThreadingHTTPServer, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    weights = weights_at(server, "whole/net.pth")
    for _ in range(2):
        path = fetched(weights, tmp_path / "deep" / "folder")
        assert path == tmp_path / "deep" / "folder" / "net.pth"
        assert path.read_bytes() == CONTENT
    assert server.asked == ["/whole/net.pth"]
    assert "100%" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("path", "prefix", "reason"),
    [
        ("broken/net.pth", PREFIX, "invalid hash value"),
        ("whole/net.pth", "00000000", "invalid hash value"),
        ("absent/net.pth", PREFIX, "HTTP Error 404"),
    ],
)
def test_what_cannot_be_fetched_is_one_error_with_address_hash_and_path(server, tmp_path, path, prefix, reason):
    weights = weights_at(server, path, prefix)
    with pytest.raises(InputError) as error:
        fetched(weights, tmp_path, progress=False)
    for part in (weights.url, f"begins with {prefix}", reason, f"put it at {tmp_path / 'net.pth'}"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_same_is_said(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    weights = weights_at(server, "net.pth")
    server.server_close()
    with pytest.raises(InputError, match=rf"begins with {PREFIX}, got .*refused.*; fetch the file elsewhere"):
        fetched(weights, tmp_path, progress=False)


def test_a_file_that_lies_there_is_known_by_its_hash(tmp_path: Path) -> None:
    weights = PublicWeights("http://127.0.0.1:1/net.pth", PREFIX)
    (tmp_path / "net.pth").write_bytes(b"something else")
    with pytest.raises(InputError, match=f"begins with {PREFIX}, got {hashlib.sha256(b'something else').hexdigest()}"):
        fetched(weights, tmp_path)
    (tmp_path / "net.pth").write_bytes(CONTENT)
    assert fetched(weights, tmp_path) == tmp_path / "net.pth"


def test_the_hashes_are_those_in_torchvisions_file_names() -> None:
    by_name = {name: weights() for name, weights in PUBLIC.items()}
    assert by_name.pop("posetrack21-release").file_name == "PoseTrack21Release.zip"
    assert by_name["keypoint-rcnn"].file_name == "keypointrcnn_resnet50_fpn_coco-fc266e95.pth"
    assert by_name["faster-rcnn-v2"].file_name == "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth"
    assert {name: weights.hash_prefix for name, weights in by_name.items()} == {
        "keypoint-rcnn": "fc266e95",
        "faster-rcnn-v2": "dd69338a",
    }
