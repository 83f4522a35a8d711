"""Work that is shared out among threads."""

import os
import sys
import threading

import pytest

from omniscopy.compute.threads import available_cores, share_work


def test_every_block_is_done_once():
    done = []
    share_work(done.append, range(0, 1000, 7), threads=4)
    assert sorted(done) == list(range(0, 1000, 7))


def test_threads_wait_for_further_work():
    found = set()

    def work(_begin):
        both.wait(30)
        found.add(threading.current_thread().name)

    for _ in range(100):
        both = threading.Barrier(2)
        share_work(work, range(2), threads=2)
    helpers = found - {threading.current_thread().name}
    assert all(name.startswith("omniscopy_") for name in helpers)
    assert 0 < len(helpers) <= max(32, available_cores())


def test_work_inside_of_work_ends_though_all_threads_are_busy():
    done = []

    def outer(begin):
        share_work(lambda inner: done.append((begin, inner)), range(3), threads=3)

    share_work(outer, range(200), threads=64)
    assert sorted(done) == [(n, m) for n in range(200) for m in range(3)]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_ends_all_work_after_the_blocks_that_are_begun(failing):
    both, working, done = threading.Barrier(2), [], []

    def work(begin):
        working.append(begin)
        both.wait(30)
        if (threading.current_thread() is threading.main_thread()) == (failing == 0):
            message = "wrong"
            raise ValueError(message)
        done.append(begin)

    with pytest.raises(ValueError, match="wrong"):
        share_work(work, range(2), threads=2)
    assert sorted(working) == [0, 1]
    assert len(done) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="processes are not forked there")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_makes_threads_of_its_own():
    share_work(lambda _begin: None, range(4), threads=4)
    child = os.fork()
    if child == 0:
        both = threading.Barrier(2)
        try:
            share_work(lambda _begin: both.wait(30), range(2), threads=2)
        except BaseException:  # noqa: BLE001 - the child must not go on with the tests
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
