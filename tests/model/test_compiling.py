"""Compiled functions that are kept on disk."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numba import njit

from omniscopy.model.compiling import digest_parts

KERNEL = """
from numba import njit
from omniscopy.model.compiling import keep_compiled
from kernels.parts import FACTOR, changed

def _run(value):
    return FACTOR * changed(value)

run = keep_compiled(njit, _run)
"""
PARTS = """
from numba import njit
FACTOR = {factor}

@njit
def changed(value):
    return value + {added}
"""
CALL = """
from kernels.kernel import run
print(run(10), *run.stats.cache_hits.values(), *run.stats.cache_misses.values())
"""


@pytest.fixture
def call(tmp_path):
    folder = tmp_path / "kernels"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "kernel.py").write_text(KERNEL)

    def called(factor, added):
        parts = folder / "parts.py"
        parts.write_text(PARTS.format(factor=factor, added=added))
        # As installed from an archive, whose files have one date.
        for path in (parts, folder / "kernel.py"):
            os.utime(path, (1.6e9, 1.6e9))
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("NUMBA_DISABLE_JIT", None)
        done = subprocess.run(
            [sys.executable, "-c", CALL],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [int(each) for each in done.stdout.split()]

    return called


def test_a_function_compiles_again_when_what_it_calls_in_another_file_changes(call):
    assert call(2, 1)[0] == 22
    assert call(2, 1) == [22, 1]  # a hit, and no miss
    assert call(2, 5)[0] == 30
    assert call(3, 5)[0] == 45


TABLE, LIMIT, FACTOR = np.arange(3.0), 4, 2


def _plain(value):
    return FACTOR * value + LIMIT


@njit
def _compiled(value):
    return _plain(value) * TABLE[0]


def test_numbers_that_change_places_count(monkeypatch):
    before = digest_parts(_compiled)
    monkeypatch.setitem(globals(), "LIMIT", FACTOR)
    monkeypatch.setitem(globals(), "FACTOR", 4)
    assert digest_parts(_compiled) != before


def test_numbers_and_tables_count(monkeypatch):
    before = digest_parts(_compiled)
    assert digest_parts(_compiled) == before
    monkeypatch.setitem(globals(), "LIMIT", 5)
    other = digest_parts(_compiled)
    monkeypatch.setitem(globals(), "TABLE", np.arange(3.0) + 1)
    assert len({before, other, digest_parts(_compiled)}) == 3
