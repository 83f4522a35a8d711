"""Lists of what is done, and who may write them."""

import os
import sys
import types

import pytest

from omniscopy.io.journals import Journal, RunningError


@pytest.fixture
def locks(monkeypatch):
    """Lock bytes as Windows does, where there is no `fcntl`; return those that are locked."""
    locked = set()

    def locking(number, mode, count):
        place = (os.fstat(number).st_ino, os.lseek(number, 0, os.SEEK_CUR), count)
        if mode == 0:
            locked.remove(place)
        elif place in locked:
            raise PermissionError(place)
        else:
            locked.add(place)

    system = types.SimpleNamespace(locking=locking, LK_UNLCK=0, LK_NBLCK=2)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", system)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    return locked


def check_one_at_a_time(path):
    journal = Journal(path)
    journal.begin({"run": 1})
    journal.mark("a/0.0")
    with pytest.raises(RunningError, match="another process is at work in"):
        Journal(path)
    journal.mark("a/0.1")
    journal.close()
    again = Journal(path)
    assert (again.about, again.done) == ({"run": 1}, {"a/0.0", "a/0.1"})
    again.close()


def test_one_process_at_a_time_writes_a_list(tmp_path):
    check_one_at_a_time(tmp_path / "journal")


def test_one_process_at_a_time_writes_a_list_on_windows(tmp_path, locks):
    check_one_at_a_time(tmp_path / "journal")
    assert locks == set()
    assert (tmp_path / "journal").stat().st_size < 200  # the byte that is locked is not written
