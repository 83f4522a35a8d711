"""Fingerprints of files and arrays."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.model.digests import digest_array, digest_file, digest_json
from omniscopy.model.fingerprints import fingerprint


def test_every_byte_of_a_small_file_counts(tmp_path):
    path = tmp_path / "small"
    content = bytearray(range(256)) * 4096
    path.write_bytes(content)
    before = digest_file(path)
    content[700_001] ^= 1
    path.write_bytes(content)
    assert before["size"] == len(content)
    assert digest_file(path)["digest"] != before["digest"]
    assert before["digest"].startswith("blake2b:")


def test_a_large_file_is_sampled_and_says_so(tmp_path):
    path = tmp_path / "large"
    content = bytearray(20 * 2**20)
    path.write_bytes(content)
    before = digest_file(path)["digest"]
    content[-1] = 1
    path.write_bytes(content)
    assert before.startswith("blake2b-sampled:")
    assert digest_file(path)["digest"] != before


def test_a_folder_is_known_by_its_files(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(b"123")
    before = digest_file(tmp_path)
    (tmp_path / "a" / "two").write_bytes(b"4")
    assert before["size"] == 3
    assert digest_file(tmp_path)["digest"] != before["digest"]


@pytest.mark.parametrize(
    "other",
    [
        np.arange(12.0).reshape(4, 3),
        np.arange(12.0).reshape(3, 4).astype("f4"),
        np.arange(12.0).reshape(3, 4) + 1e-12,
        np.arange(12.0).reshape(3, 4).T,
    ],
)
def test_another_array_has_another_digest(other):
    assert digest_array(other) != digest_array(np.arange(12.0).reshape(3, 4))


@pytest.mark.parametrize("size", [4, 70])
def test_the_memory_layout_of_an_array_does_not_matter(size):
    array = np.arange(3.0 * size**3).reshape(3 * size, size, size)
    assert digest_array(np.asfortranarray(array)) == digest_array(array)
    assert digest_array(array[::2, ::-1]) == digest_array(array[::2, ::-1].copy())


def test_text_and_empty_arrays_have_digests():
    assert digest_array(np.array(["a", "b"])) != digest_array(np.array(["a", "c"]))
    assert digest_array(np.empty((0, 3))) != digest_array(np.empty((3, 0)))


def test_lazy_values_are_known_by_their_graph_and_not_computed():
    data = xr.DataArray(np.zeros(4), dims="x").chunk(x=2)
    assert fingerprint(data) == f"graph:{data.data.name}"
    assert fingerprint(data + 1) != fingerprint(data)


def test_the_order_of_keys_does_not_matter():
    assert digest_json({"a": 1, "b": [2]}) == digest_json({"b": [2], "a": 1})


@pytest.mark.parametrize("size", [2**10, 2**16 + 3])
def test_a_change_of_a_bit_a_sign_or_the_order_is_seen_in_many_values(size):
    values = np.random.default_rng(0).normal(size=size).astype("f4")
    flipped = values.copy()
    flipped.view("u4")[size // 2] ^= 1
    last = values.copy()
    last[-1] += 1.0
    pair = values.copy()
    pair[:2] *= -1.0
    others = [flipped, last, pair, -values, np.abs(values), values[::-1], np.roll(values, 1)]
    assert len({digest_array(each) for each in [values, *others]}) == 1 + len(others)
