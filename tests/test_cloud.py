"""Object stores: a real S3 server on 127.0.0.1, behind a proxy that counts and injects faults."""

from __future__ import annotations

import json
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

from convcli import ImageError
from convcli.batch.stores import Limits, list_objects, open_store, read_object, write_object

obstore = pytest.importorskip("obstore", reason="needs the extra cloud")
pytest.importorskip("moto.server", reason="needs moto[server]")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of the server


class Proxy(BaseHTTPRequestHandler):
    """Passes requests on, unless a fault is waiting for one of that method."""

    protocol_version = "HTTP/1.1"
    server: Any

    def handle_one(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.server.requests.append((self.command, self.path))
        faults = self.server.faults.get(self.command, [])
        fault = faults.pop(0) if faults else None
        if fault == "slow":
            time.sleep(1)
        if fault == "error":
            self.reply(500, b"<Error><Code>InternalError</Code></Error>", {})
            return
        upstream = HTTPConnection("127.0.0.1", self.server.upstream, timeout=PATIENCE)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        data = answer.read()
        headers = dict(answer.getheaders())
        upstream.close()
        if fault == "error after":  # the store has done it, and the answer is lost
            self.reply(500, b"<Error><Code>InternalError</Code></Error>", {})
        elif fault == "dropped":
            self.reply(answer.status, data, headers, len(data) // 2)
            self.close_connection = True
        else:
            self.reply(answer.status, data, headers)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one  # noqa: N815

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


class Store:
    """The server as tests see it."""

    def __init__(self, proxy: Any) -> None:
        self.proxy = proxy

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        connection = HTTPConnection("127.0.0.1", self.proxy.upstream, timeout=PATIENCE)
        connection.request(method, path, body)
        data = connection.getresponse().read()
        connection.close()
        return data

    def counts(self) -> dict[str, int]:
        """Return how many requests of each method there were, listings apart."""
        counts = Counter(
            "LIST" if "list-type" in path else method for method, path in self.proxy.requests
        )
        self.proxy.requests.clear()
        return dict(counts)


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
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
    proxy: Any = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    proxy.daemon_threads = True
    proxy.upstream = int(process.stdout.readline())
    proxy.requests, proxy.faults = [], {}
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    yield Store(proxy)
    proxy.shutdown()
    proxy.server_close()
    process.kill()
    process.communicate()


def png(color: int, mode: str = "RGB") -> bytes:
    buffer = BytesIO()
    Image.new(mode, (6, 4), (color, 5, 7, 9)[: len(mode)]).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def store(server: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """Return a store with eight pictures in a bucket."""
    port = server.proxy.server_address[1]
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    server.request("POST", "/moto-api/reset")
    server.request("PUT", "/bucket")
    for number in range(8):
        server.request("PUT", f"/bucket/in/{number % 2}/a%20{number}.png", png(number))
    for name in ("in/notes.txt", "in/.hidden.png", "other/x.png"):
        server.request("PUT", f"/bucket/{name}", png(9))
    server.proxy.faults.clear()
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


APPLY = ("apply", "-f", "sharpen", "-j", "1")
TREE = (*APPLY, "-r", "s3://bucket/in", "-d", "s3://bucket/out")


def keys(folder: str) -> list[str]:
    return [entry.url.removeprefix("s3://bucket/") for entry in list_objects(folder)]


def test_a_batch_costs_one_get_and_one_put_a_picture(store: Store, convcli: Any) -> None:
    code, _, errors = convcli(*TREE)
    assert (code, errors.splitlines()[0]) == (0, "-r left out 1 files: 1 .txt")
    assert "8 done, 0 skipped, 0 failed" in errors
    assert store.counts() == {"LIST": 2, "GET": 8, "PUT": 8}
    assert keys("s3://bucket/out") == [f"out/{n % 2}/a {n}.png" for n in (0, 2, 4, 6, 1, 3, 5, 7)]
    store.counts()
    for flag in ("--skip-existing", "--update"):
        code, _, errors = convcli(*TREE, flag)
        assert (code, "0 done, 8 skipped" in errors) == (0, True)
        assert store.counts() == {"LIST": 2}
    code, _, errors = convcli(*TREE)
    assert (code, "8 of 8 results exist already" in errors) == (1, True)
    assert store.counts() == {"LIST": 2}
    obstore.delete(open_store("s3://bucket"), "out/1/a 3.png")
    store.counts()
    code, _, errors = convcli(*TREE, "--skip-existing", "-j", "2")
    assert (code, "1 done, 7 skipped" in errors) == (0, True), errors
    assert store.counts() == {"LIST": 2, "GET": 1, "PUT": 1}
    code, _, errors = convcli(*TREE, "--overwrite", "-j", "2")
    assert (code, "8 done" in errors) == (0, True)
    assert store.counts() == {"LIST": 1, "GET": 8, "PUT": 8}


def test_results_are_those_of_files(store: Store, convcli: Any) -> None:
    convcli(*TREE)
    convcli(*APPLY, "-r", "s3://bucket/in", "-d", "here")
    for path in Path("here").rglob("*.png"):
        assert read_object(f"s3://bucket/out/{path.relative_to('here')}") == path.read_bytes()
    code, _, _ = convcli(*APPLY, "-r", "here", "-d", "s3://bucket/again")
    assert code == 0
    assert len(keys("s3://bucket/again")) == 8


def test_lists_reports_and_single_pictures_may_be_objects(store: Store, convcli: Any) -> None:
    names = "s3://bucket/in/0/a 0.png\ns3://bucket/in/1/a 1.png\n"
    write_object("s3://bucket/list", names.encode(), overwrite=False)
    flags = ["--files-from", "s3://bucket/list", "--relative-to", "s3://bucket/in", "-d"]
    report = ["--report", "s3://bucket/r.jsonl"]
    code, _, errors = convcli(*APPLY, *flags, "s3://bucket/out", *report)
    assert (code, "2 done" in errors) == (0, True)
    records = [json.loads(line) for line in read_object("s3://bucket/r.jsonl").splitlines()]
    assert [record["output"] for record in records] == [
        "s3://bucket/out/0/a 0.png",
        "s3://bucket/out/1/a 1.png",
    ]
    one = [*APPLY, "s3://bucket/in/0/a 0.png", "-o"]
    assert convcli(*one, "s3://bucket/one.jpg")[0] == 0
    code, _, errors = convcli(*one, "s3://bucket/one.jpg")
    assert (code, "s3://bucket/one.jpg exists already" in errors) == (1, True)
    assert convcli(*one, "s3://bucket/one.jpg", "--skip-existing")[0] == 0
    assert convcli(*one, "s3://bucket/c-{channel}.png")[0] == 0
    assert [key for key in keys("s3://bucket") if key.startswith("c-")] == [
        f"c-{channel}.png" for channel in range(3)
    ]


def test_a_dry_run_writes_nothing(store: Store, convcli: Any) -> None:
    code, output, _ = convcli(*TREE, "--dry-run", "--shard", "1/1")
    assert code == 0
    assert "s3://bucket/in/0/a 0.png -> s3://bucket/out/0/a 0.png  6x4 RGB -> 6x4\n" in output
    assert output.count("\n") == 8
    assert "PUT" not in store.counts()
    parts = [convcli(*TREE, "--dry-run", "--shard", f"{n}/2")[1].splitlines() for n in (1, 2)]
    assert sorted(line for part in parts for line in part) == sorted(output.splitlines())


def test_two_inputs_of_one_result_are_reported(store: Store, convcli: Any) -> None:
    store.request("PUT", "/bucket/in/0/a%200.bmp", png(3))
    code, _, errors = convcli(*TREE, "--format", "png")
    assert code == 1
    assert "s3://bucket/in/0/a 0.bmp would also be written to s3://bucket/out/0/a 0.png" in errors
    assert "8 done, 0 skipped, 1 failed" in errors


@pytest.mark.parametrize(
    ("method", "fault"),
    [("GET", "error"), ("GET", "dropped"), ("PUT", "error"), ("PUT", "error after")],
)
def test_faults_of_the_server_are_survived(
    store: Store, convcli: Any, method: str, fault: str
) -> None:
    store.proxy.faults[method] = [None, None, None, fault] if method == "GET" else [None, fault]
    code, _, errors = convcli(*TREE)
    assert code == 0, errors
    assert "8 done, 0 skipped, 0 failed" in errors
    assert store.proxy.faults[method] == []


def test_answers_that_take_too_long_are_asked_for_again(store: Store) -> None:
    store.proxy.faults["GET"] = ["slow"]
    limits = Limits(read=0.3, request=5, retries=2, retry=5)
    assert read_object("s3://bucket/in/0/a 0.png", limits) == png(0)
    store.proxy.faults["GET"] = ["slow"] * 20
    with pytest.raises(ImageError, match="the store failed: "):
        read_object("s3://bucket/in/0/a 0.png", Limits(read=0.2, request=5, retries=1, retry=2))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["-r", "s3://gone/in", "-d", "out"], "s3://gone/in cannot be listed: there is no such b"),
        (["-r", "s3://bucket/in", "-d", "s3://gone"], "s3://gone cannot be listed: there is no"),
        (["s3://bucket/in/", "-d", "out"], "s3://bucket/in/ is a folder: -r takes the images"),
        (["s3://", "-d", "out"], "s3://: it names no bucket: write s3://BUCKET/KEY"),
        (["--files-from", "s3://bucket/no", "-d", "out"], "list s3://bucket/no: there is no such"),
        (
            ["-r", "s3://bucket/in", "-d", "out", "--report", "s3://gone/r"],
            "there is no such bucket",
        ),
    ],
)
def test_what_is_not_there_is_one_line_and_touches_nothing(
    store: Store, convcli: Any, arguments: list[str], fault: str
) -> None:
    code, output, errors = convcli(*APPLY, *arguments)
    assert (code, output, fault in errors) == (2, "", True), errors
    assert errors.count("\n") == 1
    assert not Path("out").exists()


def test_a_missing_object_fails_alone(store: Store, convcli: Any) -> None:
    names = ["s3://bucket/no.png", "s3://bucket/in/0/a 0.png"]
    code, _, errors = convcli(*APPLY, *names, "-d", "out")
    assert code == 1
    assert "Error: s3://bucket/no.png: there is no such object\n" in errors
    assert os.listdir("out") == ["a 0.png"]


def test_a_bucket_that_goes_away_is_reported(store: Store) -> None:
    with pytest.raises(ImageError, match="there is no such bucket"):
        write_object("s3://gone/a.png", b"", overwrite=False)
