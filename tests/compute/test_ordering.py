"""The order in which tasks are done."""

import tracemalloc

from omniscopy.compute.ordering import depth_first


def two_passes(chunks):
    """Return what tasks need: a total of all chunks, and results of each with the total."""
    needs = {("read", n): [] for n in range(chunks)}
    needs["total"] = list(needs)
    return needs | {("made", n): [("read", n), "total"] for n in range(chunks)}


def test_what_is_needed_comes_first_and_low_indices_before_high_ones():
    needs = {("a", n): [] for n in range(12)}
    needs |= {("b", n): [("a", 2 * n + 1), ("a", 2 * n)] for n in range(6)}
    ranks = depth_first([("b", n) for n in range(6)], needs.__getitem__)
    expected = [each for n in range(6) for each in (("a", 2 * n), ("a", 2 * n + 1), ("b", n))]
    assert sorted(ranks, key=ranks.get) == expected


def test_a_pass_ends_before_what_needs_all_of_it():
    needs = two_passes(50)
    ranks = depth_first([("made", n) for n in range(50)], needs.__getitem__)
    assert ranks["total"] == 50
    assert all(ranks["read", n] == n for n in range(50))
    assert all(ranks["made", n] == 51 + n for n in range(50))


def test_only_what_is_wanted_is_done():
    needs = {"a": ["b"], "b": [], "c": ["b"]}
    assert depth_first(["a"], needs.__getitem__) == {"b": 0, "a": 1}


def test_memory_grows_as_the_tasks_do():
    peaks = []
    for chunks in (1000, 8000):
        needs = two_passes(chunks)
        tracemalloc.start()
        depth_first([("made", n) for n in range(chunks)], needs.__getitem__)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 12 * peaks[0]
