"""Batches on ``az://``, by Microsoft's emulator, and ``gs://``, by an S3 server's XML."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from object_store import Store, png
from processes import PATIENCE

from convcli.batch import stores
from convcli.batch.stores import list_objects, read_object, write_object

pytest.importorskip("obstore", reason="needs the extra cloud")

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account that the emulator's manual publishes."""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    stores._opened.cache_clear()

    def invoke(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "convcli", "apply", "-f", "sharpen", "-j", "1", *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=os.environ,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return invoke


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start Azurite (npm install -g azurite) with a container."""
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("needs azurite-blob, of npm's azurite")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(tmp_path / "az")]
    process = subprocess.Popen(
        [program, *flags, "--silent", "--skipApiVersionCheck", "--disableTelemetry"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for name, value in {
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/{ACCOUNT}",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        deadline = time.monotonic() + PATIENCE
        while not is_made("bucket", port):
            assert time.monotonic() < deadline, "the emulator does not answer"
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def is_made(container: str, port: int) -> bool:
    """Create a container, by a request signed with the account's key."""
    date, version = formatdate(usegmt=True), "2021-08-06"
    parts = ["PUT", *[""] * 11, f"x-ms-date:{date}", f"x-ms-version:{version}"]
    text = "\n".join([*parts, f"/{ACCOUNT}/{ACCOUNT}/{container}", "restype:container"])
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    headers = {
        "x-ms-date": date,
        "x-ms-version": version,
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
        "Content-Length": "0",
    }
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("PUT", f"/{ACCOUNT}/{container}?restype=container", b"", headers)
        return connection.getresponse().status == 201
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture
def google(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """Let gs:// lead to the S3 server; Google's XML interface has the same requests."""
    account = {
        "gcs_base_url": store.endpoint,
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
    monkeypatch.setenv("GOOGLE_ALLOW_HTTP", "true")
    for name in ("AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP"):
        monkeypatch.delenv(name)
    return store


def check_batches(command: Command, bucket: str) -> None:
    """Run a batch within a bucket that has pictures below ``in``, and again."""
    tree = ["-r", f"{bucket}/in", "-d", f"{bucket}/out"]
    code, _, errors = command(*tree, "--report", f"{bucket}/report.jsonl")
    assert (code, "8 done, 0 skipped, 0 failed" in errors) == (0, True), errors
    assert len(read_object(f"{bucket}/report.jsonl").splitlines()) == 8
    results = [entry.url for entry in list_objects(f"{bucket}/out")]
    assert results == [f"{bucket}/out/{n % 2}/a {n}.png" for n in (0, 2, 4, 6, 1, 3, 5, 7)]
    code, _, errors = command(*tree)
    assert (code, "8 of 8 results exist already" in errors) == (1, True), errors
    code, _, errors = command(*tree, "--update")
    assert (code, "0 done, 8 skipped" in errors) == (0, True), errors
    code, _, errors = command(*tree, "--overwrite")
    assert (code, "8 done" in errors) == (0, True), errors
    # The put itself refuses what exists: its listing is not asked for one picture.
    one = [f"{bucket}/in/0/a 0.png", "-o", f"{bucket}/out/0/a 0.png"]
    code, _, errors = command(*one)
    assert (code, "exists already" in errors) == (1, True), errors


def test_azure(azure: None, command: Command) -> None:
    for number in range(8):
        write_object(f"az://bucket/in/{number % 2}/a {number}.png", png(number), overwrite=False)
    check_batches(command, "az://bucket")
    code, _, errors = command("-r", "az://gone/in", "-d", "out")
    assert (code, "cannot be listed: there is no such bucket" in errors) == (2, True), errors


def test_google(google: Store, command: Command) -> None:
    check_batches(command, "gs://bucket")
    google.counts()
    command("-r", "gs://bucket/in", "-d", "gs://bucket/again")
    assert google.counts() == {"LIST": 1 + 2, "GET": 8, "PUT": 8}
    code, _, errors = command("-r", "gs://gone/in", "-d", "out")
    assert (code, "cannot be listed: there is no such bucket" in errors) == (2, True), errors


def test_a_put_that_meets_a_result_of_another_run_says_that_it_exists(google: Any) -> None:
    from convcli.errors import ExistsError

    write_object("gs://bucket/x.png", b"1", overwrite=False)
    with pytest.raises(ExistsError):
        write_object("gs://bucket/x.png", b"2", overwrite=False)
    assert read_object("gs://bucket/x.png") == b"1"
