"""Fixtures: an S3 server on 127.0.0.1, behind a proxy that counts and injects faults."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from processes import PATIENCE

from convcli.batch import stores


class Proxy(BaseHTTPRequestHandler):
    """Passes requests on, unless a fault is waiting for one of that method.

    ``requests`` of the server are the method, path and bytes there and back of each. ``faults``
    maps a method to the faults of its next requests; None is none. ``always`` maps a method to
    a fault of every request whose path has a part. ``page`` is how many keys a listing has.
    """

    protocol_version = "HTTP/1.1"
    server: Any

    def handle_one(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        request = [self.command, self.path, length, 0]
        self.server.requests.append(request)
        fault = self.next_fault()
        if fault == "slow":
            time.sleep(1)
        if fault == "held":
            self.server.release.wait(PATIENCE)
        if fault in REFUSALS:
            status, code = REFUSALS[fault]
            self.reply(status, f"<Error><Code>{code}</Code></Error>".encode(), {})
            return
        if fault == "closed":
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.pop("x-goog-if-generation-match", None) == "0":  # Google's word for create-only
            headers["if-none-match"] = "*"
        if "AWS4" not in headers.get("authorization", ""):  # as of Google, which moto refuses
            headers["authorization"] = SIGNED
        upstream = HTTPConnection("127.0.0.1", self.server.upstream, timeout=PATIENCE)
        path = self.path
        if self.server.page and "list-type" in path:
            path += f"&max-keys={self.server.page}"
        upstream.request(self.command, path, body, headers)
        answer = upstream.getresponse()
        data = answer.read()
        headers = dict(answer.getheaders())
        upstream.close()
        request[3] = len(data)
        if fault == "error after":  # the store has done it, and the answer is lost
            self.reply(500, b"<Error><Code>InternalError</Code></Error>", {})
        elif fault == "dropped":
            self.reply(answer.status, data, headers, len(data) // 2)
            self.close_connection = True
        else:
            self.reply(answer.status, data, headers)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one  # noqa: N815

    def next_fault(self) -> str | None:
        faults = self.server.faults.get(self.command, [])
        if faults:
            return faults.pop(0)
        part, fault = self.server.always.get(self.command, ("", None))
        return fault if part in self.path else None

    def reply(
        self, status: int, data: bytes, headers: dict[str, str], most: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                self.send_header(name, value)
        length = headers.get("Content-Length", str(len(data)))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(data[:most])

    def log_message(self, *_: object) -> None:
        """Stay silent."""


class ProxyServer(ThreadingHTTPServer):
    """Runs the proxy; clients that have left are no error."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Stay silent."""


SIGNED = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, Signature=0"
"""A signature of the kind that moto reads; it does not check it."""

REFUSALS = {
    "error": (500, "InternalError"),
    "busy": (503, "SlowDown"),
    "denied": (403, "AccessDenied"),
    "no bucket": (404, "NoSuchBucket"),
}
"""Answers to requests that do not reach the store."""


class Store:
    """The server as tests see it."""

    def __init__(self, proxy: Any) -> None:
        self.proxy = proxy
        self.faults: dict[str, list[str | None]] = proxy.faults
        self.always: dict[str, tuple[str, str]] = proxy.always
        self.endpoint = f"http://127.0.0.1:{proxy.server_address[1]}"

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        connection = HTTPConnection("127.0.0.1", self.proxy.upstream, timeout=PATIENCE)
        connection.request(method, path, body)
        data = connection.getresponse().read()
        connection.close()
        return data

    def counts(self) -> dict[str, int]:
        """Return how many requests of each method there were, listings apart."""
        counts = Counter(
            "LIST" if "list-type" in path else method for method, path, _, _ in self.proxy.requests
        )
        self.proxy.requests.clear()
        return dict(counts)

    def bytes(self) -> dict[str, tuple[int, int]]:
        """Return the bytes of bodies sent and received, of each method, listings apart."""
        sums: dict[str, tuple[int, int]] = {}
        for method, path, sent, received in self.proxy.requests:
            before = sums.get(name := "LIST" if "list-type" in path else method, (0, 0))
            sums[name] = before[0] + sent, before[1] + received
        return sums


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    """Start an S3 server and its proxy."""
    pytest.importorskip("obstore", reason="needs the extra cloud")
    pytest.importorskip("moto.server", reason="needs moto[server]")
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "from moto.moto_server.werkzeug_app import DomainDispatcherApplication\n"
        "from moto.moto_server.werkzeug_app import create_backend_app\n"
        "from werkzeug.serving import make_server\n"
        "app = DomainDispatcherApplication(create_backend_app)\n"
        "server = make_server('127.0.0.1', 0, app, threaded=True)\n"
        "print(server.port, flush=True); server.serve_forever()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    proxy: Any = ProxyServer(("127.0.0.1", 0), Proxy)
    proxy.upstream = int(process.stdout.readline())
    proxy.requests, proxy.faults, proxy.always, proxy.page = [], {}, {}, None
    proxy.release = threading.Event()
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    yield Store(proxy)
    proxy.shutdown()
    proxy.server_close()
    process.kill()
    process.communicate()


def png(color: int, mode: str = "RGB") -> bytes:
    """Return a small picture."""
    buffer = BytesIO()
    Image.new(mode, (6, 4), (color, 5, 7, 9)[: len(mode)]).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def store(server: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """Return a store with eight pictures in a bucket."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    stores._opened.cache_clear()  # of another server
    server.faults.clear()
    server.always.clear()
    server.proxy.page = None
    server.proxy.release.clear()
    server.request("POST", "/moto-api/reset")
    server.request("PUT", "/bucket")
    for number in range(8):
        server.request("PUT", f"/bucket/in/{number % 2}/a%20{number}.png", png(number))
    for name in ("in/notes.txt", "in/.hidden.png", "other/x.png"):
        server.request("PUT", f"/bucket/{name}", png(9))
    server.proxy.requests.clear()
    return server


@pytest.fixture
def convcli(store: Store) -> Callable[..., tuple[int, str, str]]:
    """Run a command in a process of its own: a store's threads do not survive a fork."""

    def invoke(*arguments: object) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "convcli", *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env=os.environ, check=False
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    return invoke
