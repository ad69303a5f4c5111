"""Large files from a server on loopback that breaks off."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tasks.errors import InputError
from tasks.public_weights import PublicWeights
from tasks.resumed_download import fetch_resumed

CONTENT = bytes(range(256)) * 400
HALF = len(CONTENT) // 2
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Ranges(BaseHTTPRequestHandler):
    """The first answer breaks off in the middle; /deaf knows no ranges."""

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.path != "/deaf" else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[: HALF if len(self.server.asked) == 1 else None][start:])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def weights_at(server, path="net.pth", prefix=DIGEST[:8]):
    return PublicWeights(f"http://127.0.0.1:{server.server_address[1]}/{path}", prefix)


@pytest.mark.parametrize("path", ["net.pth", "deaf"])
def test_a_transfer_that_broke_off_goes_on_where_it_ended(server, tmp_path, path):
    target, steps = tmp_path / "a" / "net.pth", []
    with pytest.raises(InputError, match=rf"got {HALF} of {len(CONTENT)} bytes; the same command goes on from {HALF}"):
        fetch_resumed(weights_at(server, path), target, lambda *step: steps.append(step))
    assert not target.exists()
    assert fetch_resumed(weights_at(server, path), target, lambda *step: steps.append(step)) == DIGEST
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={HALF}-"]
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert fetch_resumed(weights_at(server, path), target, lambda *step: None) == DIGEST
    assert len(server.asked) == 2
    assert [path.name for path in target.parent.iterdir()] == ["net.pth"]


def test_a_whole_file_that_was_not_renamed_yet_is_taken(server, tmp_path):
    (tmp_path / "net.pth.partial").write_bytes(CONTENT)
    assert fetch_resumed(weights_at(server), tmp_path / "net.pth", lambda *step: None) == DIGEST


def test_another_file_is_refused_and_not_gone_on_from(server, tmp_path):
    (tmp_path / "net.pth.partial").write_bytes(CONTENT)
    with pytest.raises(InputError, match=f"begins with 00000000, got {DIGEST}"):
        fetch_resumed(weights_at(server, prefix="00000000"), tmp_path / "net.pth", lambda *step: None)
    assert list(tmp_path.iterdir()) == []


def test_a_hash_that_nobody_has_published_is_recorded_at_first_use(server, tmp_path):
    target = tmp_path / "net.pth"
    (tmp_path / "net.pth.partial").write_bytes(CONTENT)
    fetch_resumed(weights_at(server, prefix=""), target, lambda *step: None)
    assert (tmp_path / "net.pth.sha256").read_text() == f"{DIGEST}\n"
    target.write_bytes(b"another")
    with pytest.raises(InputError, match=f"begins with {DIGEST}, got "):
        fetch_resumed(weights_at(server, prefix=""), target, lambda *step: None)
