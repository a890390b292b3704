"""``--cluster`` on a real cluster of processes, whose workers die, hang and differ."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import worker_faults
from object_store import Store
from PIL import Image
from processes import PATIENCE

from convcli.batch import Job, Options, scheduling
from convcli.batch.dispatch import run_jobs, run_shard
from convcli.batch.scheduling import results_of
from convcli.batch.shards import Item
from convcli.batch.stores import read_object

distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of Dask about itself

FAULTS = str(worker_faults.__file__)
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "COLUMNS": "200"}


@contextmanager
def local_cluster(failures: int) -> Iterator[Any]:
    """Start two workers; a task is given up when ``failures + 1`` workers have died of it."""
    import dask

    settings = {
        "distributed.scheduler.allowed-failures": failures,
        "distributed.admin.log-format": "",
        "distributed.deploy.lost-worker-timeout": "300s",  # restarting takes long on a busy machine
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=100,
            preload=[FAULTS],
        ) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="module")
def started() -> Iterator[Any]:
    with local_cluster(1) as cluster:
        yield cluster


@pytest.fixture
def cluster(started: Any) -> Any:
    """Return a cluster of two workers, also where a test before has killed some."""
    started.wait_for_workers(2, timeout=PATIENCE)
    return started


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    names = [f"in/{number:02}.png" for number in range(12)]
    for name in names:
        Image.new("RGB", (5, 4), (9, 8, 7)).save(name)
    return names


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(pictures: list[str]) -> Iterator[Start]:
    """Start a batch of all pictures, in a process that ends with the test at the latest."""
    started: list[subprocess.Popen[str]] = []

    def begin(address: str, *flags: object) -> subprocess.Popen[str]:
        command = ["apply", "-f", "sharpen", "-r", "in", "-d", "out", "--cluster", address, *flags]
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "convcli", *map(str, command)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=ENVIRONMENT,
            )
        )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error."""
    output, errors = process.communicate(timeout=2 * PATIENCE)
    return process.returncode, output, errors


def wait_for(is_true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def renamed(name: str, fault: str) -> str:
    """Give a picture the name of a fault; it keeps its place in the order."""
    other = name.replace(".png", f"-{fault}.png")
    os.rename(name, other)
    return other


def test_a_batch_on_a_cluster_is_like_one_here(
    cluster: Any, run: Any, begin: Start, pictures: list[str]
) -> None:
    Path(pictures[3]).write_bytes(b"nothing")
    Image.new("RGBA", (4, 5)).save(pictures[5])
    flags = ["--format", "jpg", "--report", "-"]
    code, output, errors = ended(begin(cluster.scheduler_address, *flags))
    here = run("apply", "-f", "sharpen", "-r", "in", "-d", "here", "-j", "1", *flags)
    assert (code, here.exit_code) == (1, 1)
    # In any order: the shards of two workers end when they end.
    *messages, last = errors.splitlines()
    *expected, last_here = here.stderr.splitlines()
    assert sorted(messages) == sorted(expected)
    assert last.rpartition(" failed, ")[0] == last_here.rpartition(" failed, ")[0]
    assert "11 done, 0 skipped, 1 failed" in errors
    for line in (output, here.stdout):
        records = [json.loads(one) for one in line.replace('"here/', '"out/').splitlines()]
        for record in records:
            del record["seconds"]
        records.sort(key=lambda record: record["input"])
        if line is output:
            expected = records
    assert records == expected
    for path in Path("here").iterdir():
        assert Path("out", path.name).read_bytes() == path.read_bytes()


def test_results_that_exist_are_known_before_a_batch_on_a_cluster(
    cluster: Any, begin: Start, pictures: list[str]
) -> None:
    Path("out").mkdir()
    for name in pictures[1:]:
        Path("out", os.path.basename(name)).touch()
    Path(pictures[0]).rename("in/first.png")
    code, _, errors = ended(begin(cluster.scheduler_address))
    assert (code, "11 of 12 results exist already" in errors) == (1, True)
    assert Path("out/first.png").stat().st_size > 0
    os.unlink("out/first.png")
    code, _, errors = ended(begin(cluster.scheduler_address, "--skip-existing", "--shard", "1/1"))
    assert code == 0
    assert errors.startswith("1 done, 11 skipped, 0 failed")


def test_the_shard_of_a_killed_worker_is_done_again_and_what_it_wrote_counts(
    cluster: Any, begin: Start, pictures: list[str]
) -> None:
    held = renamed(pictures[1], "held")  # the second of a shard of two
    process = begin(cluster.scheduler_address)
    begun = Path(f"{Path(held).absolute()}.begun")
    wait_for(lambda: begun.exists() and begun.read_text())
    assert Path("out/00.png").exists()
    os.kill(int(begun.read_text()), signal.SIGKILL)
    code, _, errors = ended(process)
    assert code == 0, errors
    assert errors.startswith("12 done, 0 skipped, 0 failed")
    assert len(os.listdir("out")) == 12


def test_a_picture_that_kills_its_workers_fails_alone(begin: Start, pictures: list[str]) -> None:
    poison = renamed(pictures[1], "poison")
    with local_cluster(0) as cluster:
        code, _, errors = ended(begin(cluster.scheduler_address))
    assert code == 1
    error, summary = errors.splitlines()
    assert error == f"Error: {poison}: every worker that ran it died"
    assert summary.startswith("11 done, 0 skipped, 1 failed")
    assert len(os.listdir("out")) == 11


def test_a_shard_that_takes_long_is_started_a_second_time(
    cluster: Any, run: Any, monkeypatch: pytest.MonkeyPatch, pictures: list[str]
) -> None:
    monkeypatch.setattr(scheduling, "PATIENCE", 0.2)
    held = renamed(pictures[2], "held")
    done = run(
        *["apply", "-f", "sharpen", "-r", "in", "-d", "out"],
        *["--cluster", cluster.scheduler_address],
    )
    assert done.exit_code == 0, done.stderr
    assert done.stderr.startswith("12 done, 0 skipped, 0 failed")
    assert len(os.listdir("out")) == 12
    Path(f"{held}.go").touch()
    wait_for(lambda: not cluster.scheduler.tasks)


def test_an_interrupt_cancels_what_has_not_begun(
    cluster: Any, begin: Start, pictures: list[str]
) -> None:
    held = [renamed(name, "held") for name in pictures[0:4:2]]  # the first of two shards of two
    process = begin(cluster.scheduler_address)
    for name in held:
        wait_for(Path(f"{name}.begun").exists)
    process.send_signal(signal.SIGINT)
    code, _, errors = ended(process)
    assert (code, errors) == (-signal.SIGINT, "Interrupted\n")
    wait_for(lambda: not cluster.scheduler.tasks)
    for name in held:
        Path(f"{name}.go").touch()
    workers = list(cluster.scheduler.workers.values())
    wait_for(lambda: all(not worker.processing for worker in workers))
    with distributed.Client(cluster, set_as_default=False) as client:
        client.submit(abs, -1, pure=False, workers=[workers[0].address]).result(PATIENCE)
        client.submit(abs, -1, pure=False, workers=[workers[1].address]).result(PATIENCE)
    assert set(os.listdir("out")) <= {os.path.basename(name) for name in held}


def test_paths_that_workers_do_not_see_are_refused(
    cluster: Any, begin: Start, pictures: list[str]
) -> None:
    first = renamed(pictures[0], "elsewhere")
    code, _, errors = ended(begin(cluster.scheduler_address, "--report", "r.jsonl"))
    assert code == 2
    assert errors.startswith(f"Error: {first} is not the same file on the worker tcp://127.0.0.1:")
    assert not Path("out").exists()
    assert not Path("r.jsonl").exists()


def test_a_worker_with_another_version_is_refused(
    cluster: Any, begin: Start, pictures: list[str], tmp_path: Path
) -> None:
    fake = tmp_path / "lib" / "pillow-0.1.dist-info"
    fake.mkdir(parents=True)
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: pillow\nVersion: 0.1\n")
    command = ["dask", "worker", cluster.scheduler_address, "--no-nanny", "--nthreads", "1"]
    worker = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=ENVIRONMENT | {"PYTHONPATH": str(tmp_path / "lib")},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: len(cluster.scheduler.workers) == 3)
        code, _, errors = ended(begin(cluster.scheduler_address))
    finally:
        worker.terminate()
        worker.wait(PATIENCE)
    import PIL

    assert code == 2
    assert f"Pillow {PIL.__version__} here, 0.1 there" in errors
    assert "NumPy" not in errors
    assert not Path("out").exists()
    wait_for(lambda: len(cluster.scheduler.workers) == 2)


def test_the_client_keeps_no_results_that_it_has_passed_on(
    cluster: Any, pictures: list[str]
) -> None:
    from convcli.batch.cluster import connected

    job = Job("gone.png", "out.png", "PNG")
    do = partial(run_shard, operators=[], options=Options())
    with connected(cluster.scheduler_address, None) as pool:
        shards = ((Item(job),) for _ in range(100))
        most = 0
        for result in results_of(shards, do, pool, lambda item, reason: pytest.fail(reason)):
            assert result.error == "gone.png: there is no such file"
            most = max(most, len(pool._client.futures))
    assert most <= 3 * pool.width()


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [([], "done"), (ValueError("lost with its worker"), "ValueError"), (CancelledError(), "none")],
)
def test_every_outcome_of_a_task_is_passed_on(outcome: Any, expected: str) -> None:
    """Also an error of fetching results; a future that nobody completes is waited for for ever."""
    from convcli.batch.cluster import _pass_on

    class Client:
        async def gather(self, task: object, asynchronous: bool) -> Any:
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

    client: Any = Client()
    for is_cancelled in (False, True):
        future: Future[Any] = Future()
        if is_cancelled:
            future.cancel()
        asyncio.run(_pass_on(client, client, future))
        assert future.done()
        if is_cancelled or expected == "none":
            assert future.cancelled()
        elif expected == "done":
            assert future.result() == []
        else:
            assert type(future.exception()).__name__ == expected


def test_a_scheduler_that_ends_ends_the_batch(begin: Start, pictures: list[str]) -> None:
    renamed(pictures[0], "held")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "tcp://127.0.0.1:{1}".format(*free.getsockname())
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stderr": subprocess.DEVNULL, "env": ENVIRONMENT}
    port = address.rpartition(":")[2]
    flags = ["--host", "127.0.0.1", "--port", port, "--no-dashboard"]
    scheduler = subprocess.Popen([*dask, "scheduler", *flags], **quiet)
    flags = ["--no-nanny", "--nthreads", "1", "--preload", FAULTS, "--no-dashboard"]
    worker = subprocess.Popen([*dask, "worker", address, *flags], **quiet)
    try:
        process = begin(address)
        wait_for(Path("in/00-held.png.begun").exists)
        scheduler.kill()
        code, _, errors = ended(process)
    finally:
        for one in (scheduler, worker):
            one.kill()
            one.wait(PATIENCE)
    assert code == 1
    assert f"Error: in/01.png: the scheduler at {address} is gone" in errors.splitlines()
    assert "0 done, 0 skipped, " in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("address", ["nowhere", "tcp://127.0.0.1:1"])
def test_an_address_where_nobody_answers_is_reported(begin: Start, address: str) -> None:
    process = begin(address)
    code, _, errors = ended(process)
    assert code == 2
    assert errors.startswith(f"Error: no Dask scheduler answers at {address}: start one with")
    assert errors.count("\n") == 1
    assert not Path("out").exists()


def test_streams_are_refused(cluster: Any, begin: Start, pictures: list[str]) -> None:
    from convcli import PlanError
    from convcli.batch.cluster import connected

    with (
        pytest.raises(PlanError, match="neither standard input nor output"),
        connected(cluster.scheduler_address, Job("-", "o.png", "PNG")),
    ):
        pass


def test_run_jobs_takes_the_pool_of_a_cluster(cluster: Any, pictures: list[str]) -> None:
    from convcli.batch.cluster import connected

    jobs = [Job(name, f"{name}.jpg", "JPEG") for name in pictures]
    with connected(cluster.scheduler_address, jobs[0]) as pool:
        results = list(run_jobs(iter(jobs), [], pool=pool))
    assert sorted(result.job for result in results) == jobs
    assert {result.status for result in results} == {"ok"}


def test_workers_read_and_write_objects(cluster: Any, store: Store, convcli: Any) -> None:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL")
    with distributed.Client(cluster, set_as_default=False) as client:
        client.run(lambda values: os.environ.update(values), {n: os.environ[n] for n in names})
    tree = ["apply", "-f", "sharpen", "-r", "s3://bucket/in", "--cluster"]
    tree += [cluster.scheduler_address, "-d"]
    code, _, errors = convcli(*tree, "s3://bucket/out", "--report", "s3://bucket/r.jsonl")
    assert code == 0, errors
    assert "8 done, 0 skipped, 0 failed" in errors
    # The report is put twice: empty before the batch, whole after it.
    assert store.counts() == {"LIST": 1 + 2, "GET": 8, "PUT": 8 + 2}
    assert len(read_object("s3://bucket/r.jsonl").splitlines()) == 8
    store.counts()
    code, _, errors = convcli(*tree, "s3://bucket/out", "--skip-existing")
    assert (code, "0 done, 8 skipped" in errors) == (0, True), errors
    assert store.counts() == {"LIST": 1 + 2}
    store.always["GET"] = ("in/0/a%202.png", "denied")
    code, _, errors = convcli(*tree, "shared")
    assert (code, "Error: s3://bucket/in/0/a 2.png: access is denied" in errors) == (1, True)
    assert "7 done, 0 skipped, 1 failed" in errors
    for path in Path("shared").rglob("*.png"):
        assert path.read_bytes() == read_object(f"s3://bucket/out/{path.relative_to('shared')}")
