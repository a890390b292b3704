"""Batches on object stores that refuse, break off, and go away."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from object_store import Store, png
from processes import PATIENCE

from convcli import ImageError
from convcli.batch import stores
from convcli.batch.stores import Limits, read_object, write_object

pytest.importorskip("obstore", reason="needs the extra cloud")
pytest.importorskip("moto.server", reason="needs moto[server]")

APPLY = ("apply", "-f", "sharpen", "-j", "1")
TREE = (*APPLY, "-r", "s3://bucket/in", "-d", "s3://bucket/out")


def wait_for(is_true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("GET", "error"),
        ("GET", "busy"),
        ("GET", "closed"),
        ("GET", "dropped"),
        ("PUT", "error"),
        ("PUT", "busy"),
        ("PUT", "closed"),
        ("PUT", "error after"),
    ],
)
def test_faults_of_the_server_are_survived(
    store: Store, convcli: Any, method: str, fault: str
) -> None:
    before: list[str | None] = [None] * 3 if method == "GET" else [None]
    store.faults[method] = [*before, fault]
    code, _, errors = convcli(*TREE)
    assert code == 0, errors
    assert "8 done, 0 skipped, 0 failed" in errors
    assert store.faults[method] == []


def test_a_listing_is_asked_for_again(store: Store, convcli: Any) -> None:
    store.proxy.page = 3
    store.faults["GET"] = ["error", None, "busy", None, "closed"]
    code, _, errors = convcli(*TREE)
    assert (code, "8 done" in errors) == (0, True), errors
    assert store.counts() == {"LIST": 1 + 4 + 1 + 3, "GET": 8, "PUT": 8}


def test_a_list_that_breaks_off_is_read_on(store: Store, convcli: Any) -> None:
    names = "".join(f"s3://bucket/in/{n % 2}/a {n}.png\n" for n in range(8))
    store.request("PUT", "/bucket/list", names.encode())
    store.faults["GET"] = ["dropped", None]
    code, _, errors = convcli(*APPLY, "--files-from", "s3://bucket/list", "-d", "out")
    assert (code, "8 done" in errors) == (0, True), errors


def test_answers_that_take_too_long_are_asked_for_again(store: Store) -> None:
    store.faults["GET"] = ["slow"]
    limits = Limits(read=0.3, request=5, retries=2, retry=5)
    assert read_object("s3://bucket/in/0/a 0.png", limits) == png(0)
    store.faults["PUT"] = ["slow"]
    limits = Limits(read=0.3, request=0.5, retries=2, retry=5)
    write_object("s3://bucket/new.png", png(1), overwrite=False, limits=limits)
    assert read_object("s3://bucket/new.png") == png(1)


@pytest.mark.parametrize("fault", ["slow", "error"])
def test_a_request_is_repeated_so_often_and_no_more(store: Store, fault: str) -> None:
    limits = Limits(read=0.2, request=0.4, retries=1, retry=2)
    store.always |= {"GET": ("in/0", fault), "PUT": ("new", fault)}
    with pytest.raises(ImageError, match="the store failed: "):
        read_object("s3://bucket/in/0/a 0.png", limits)
    with pytest.raises(ImageError, match="the store failed: "):
        write_object("s3://bucket/new.png", b"", overwrite=False, limits=limits)
    assert store.counts() == {"GET": 2, "PUT": 2}


def test_a_picture_that_may_not_be_read_fails_alone(store: Store, convcli: Any) -> None:
    store.always["GET"] = ("in/0/a%202.png", "denied")
    code, _, errors = convcli(*TREE)
    assert code == 1
    expected = "Error: s3://bucket/in/0/a 2.png: access is denied: check the credentials and"
    assert errors.splitlines()[0].startswith(expected)
    assert "7 done, 0 skipped, 1 failed" in errors
    assert store.counts() == {"LIST": 1 + 2, "GET": 8, "PUT": 7}


def test_a_bucket_that_may_not_be_written_fails_every_picture(store: Store, convcli: Any) -> None:
    store.always["PUT"] = ("out", "denied")
    code, _, errors = convcli(*TREE)
    assert (code, errors.count("access is denied")) == (1, 8)
    assert "0 done, 0 skipped, 8 failed" in errors
    assert store.counts() == {"LIST": 1 + 2, "GET": 8, "PUT": 8}


@pytest.mark.parametrize("flag", [[], ["--dry-run"], ["--report", "s3://bucket/r.jsonl"]])
def test_a_bucket_that_may_not_be_listed_is_one_line(
    store: Store, convcli: Any, flag: list[str]
) -> None:
    store.always["GET"] = ("list-type", "denied")
    code, output, errors = convcli(*TREE, *flag)
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert "cannot be listed: access is denied: check the credentials" in errors
    assert "PUT" not in store.counts()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_bucket_that_goes_away_ends_the_batch_after_what_had_begun(
    store: Store, run: Any, convcli: Any, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    store.proxy.page = 4
    monkeypatch.setattr(stores, "_LISTED_AT_ONCE", 4)
    # The listing of results is short; that of inputs goes on after four keys.
    store.always["GET"] = ("continuation-token", "no bucket")
    ended = run(*TREE, "-j", jobs)
    assert ended.exit_code == 1, ended.stderr
    lines = ended.stderr.splitlines()
    assert "Error: s3://bucket/in cannot be listed: there is no such bucket" in lines
    done = int(lines[-1].partition(" done, 0 skipped, 0 failed")[0])
    assert 0 < done == store.counts()["PUT"]
    store.always.clear()
    code, _, errors = convcli(*TREE, "--skip-existing")
    assert (code, f"{8 - done} done, {done} skipped, 0 failed" in errors) == (0, True)


def test_results_fail_one_by_one_where_their_bucket_goes_away(store: Store, convcli: Any) -> None:
    store.faults["PUT"] = [None, None, *["no bucket"] * 6]
    code, _, errors = convcli(*TREE)
    assert (code, errors.count(": there is no such bucket\n")) == (1, 6)
    assert "2 done, 0 skipped, 6 failed" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_batch_leaves_its_report(store: Store, number: int, jobs: str) -> None:
    store.always["PUT"] = ("a%206", "held")
    command = [*TREE, "-j", jobs, "--report", "s3://bucket/report.jsonl"]
    process = subprocess.Popen(
        [sys.executable, "-m", "convcli", *command], stderr=subprocess.PIPE, env=os.environ
    )
    try:
        wait_for(lambda: any("a%206" in path for _, path, *_ in list(store.proxy.requests)))
        if jobs == "2":  # the other worker does what comes after
            wait_for(lambda: any("a%207" in path for _, path, *_ in list(store.proxy.requests)))
        process.send_signal(number)
        process.communicate(timeout=PATIENCE)
    finally:
        store.proxy.release.set()
        process.kill()
        process.communicate()
    assert process.returncode == -number
    lines = read_object("s3://bucket/report.jsonl").splitlines()
    assert {json.loads(line)["status"] for line in lines} == {"ok"}
    assert len(lines) >= 3


def test_a_store_without_credentials_is_one_line(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convcli.batch.stores import errors

    text = "Error performing PUT http://169.254.169.254/latest/api/token in 2 ms"
    error = type("GenericError", (Exception,), {"__module__": "obstore.exceptions"})(text)
    with pytest.raises(ImageError, match=r"^no credentials: neither the environment"), errors():
        raise error


def test_nobody_at_the_endpoint_is_one_line(
    store: Store, convcli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    code, _, errors = convcli(*APPLY, "-r", "s3://bucket/in", "-d", "out")
    assert (code, errors.count("\n")) == (2, 1)
    assert "s3://bucket/in: nobody answers: check the endpoint and the network: " in errors
    assert not Path("out").exists()


def test_an_endpoint_that_says_nothing_is_given_up_soon(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convcli.batch.stores import FIRST, check_answers

    assert FIRST.request + FIRST.retry <= 12
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ImageError, match=r"^nobody answers: "):
            check_answers("s3://silent/in", FIRST._replace(read=0.2, request=0.2, retry=0.2))
