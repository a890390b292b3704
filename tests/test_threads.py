"""Threads that share tasks take them one at a time, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from convcli.system.threads import processors, share, shares_tasks

TASKS = 200


@pytest.mark.parametrize("threads", [1, 4])
def test_tasks_are_taken_in_order_and_by_one_thread_at_a_time(threads: int) -> None:
    """Strips in place and PNG bands rely on this: a generator may act before it yields a task."""
    taken: list[int] = []
    done: list[int] = []
    inside = threading.Lock()

    def tasks() -> Iterator[int]:
        for task in range(TASKS):
            # Fails if another thread resumed the generator meanwhile.
            assert inside.acquire(blocking=False)
            # A task is done only after it and all those before it were taken.
            assert set(done) <= set(range(task))
            taken.append(task)
            inside.release()
            yield task

    share(lambda: done.append, tasks(), threads)
    assert taken == list(range(TASKS))
    assert sorted(done) == taken


def test_tasks_are_taken_when_a_thread_is_ready_for_them() -> None:
    """No more tasks are ahead of the work than there are threads."""
    done: list[int] = []
    ahead: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(TASKS):
            ahead.append(task - len(done))
            yield task

    share(lambda: done.append, tasks(), 3)
    assert max(ahead) < 3


def test_each_thread_makes_its_own_function_and_the_tasks_use_one_thread_each() -> None:
    makers: list[int] = []
    both_started = threading.Barrier(2, timeout=30)
    limits: list[int] = []

    def make_function() -> Callable[[int], None]:
        makers.append(threading.get_ident())
        both_started.wait()
        return lambda task: limits.append(processors())

    share(make_function, range(TASKS), 2)
    assert len(set(makers)) == 2
    assert limits == [1] * TASKS


def test_the_first_exception_ends_the_tasks_and_is_raised() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(TASKS):
            taken.append(task)
            yield task

    def fail(task: int) -> None:
        raise KeyError(task)

    with pytest.raises(KeyError, match="0"):
        share(lambda: fail, tasks(), 1)
    assert taken == [0]


def test_a_thread_knows_whether_others_share_its_tasks() -> None:
    def found(threads: int) -> set[bool]:
        answers: list[bool] = []
        share(lambda: lambda task: answers.append(shares_tasks()), range(TASKS), threads)
        return set(answers)

    assert found(1) == {False}
    assert found(2) == {True}
    assert not shares_tasks()
