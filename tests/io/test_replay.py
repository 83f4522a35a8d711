"""A saved result is made again from the raw file, or says why it cannot be."""

import shutil
import warnings

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import Operation, ReplayWarning, operation, result
from omniscopy.model.operations import _registry
from omniscopy.testing.files.mrc import write_mrc

FORMATS = [".zarr", ".hf5"]


@operation
def sharpen(data: xr.DataArray, amount: float = 1.0) -> xr.DataArray:
    """Amplify the deviation from the mean."""
    return (data - data.mean()) * amount + data.mean()


@operation
def summarise(data: xr.DataArray, *, dim: str = "x") -> xr.Dataset:
    """Return mean and spread along a dimension."""
    return result(mean=(data.mean(dim), None), mean_std=(data.std(dim), None))


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "raw.mrc"
    values = np.random.default_rng(2).integers(0, 1000, (5, 8, 7)).astype(np.int16)
    write_mrc(path, values, cell=(7.0, 8.0, 5.0))
    return path


def chain(raw):
    data = om.open_signal(raw)
    return summarise(sharpen(data.isel(frame=slice(1, 4)), 2.5))


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_saved_result_is_made_again_bit_by_bit(raw, tmp_path, suffix):
    made = chain(raw)
    saved = om.save(made, tmp_path / f"result{suffix}")
    again = om.replay(saved)
    assert isinstance(again, xr.Dataset)
    for name in made.data_vars:
        np.testing.assert_array_equal(again[name].values, made[name].values)
    assert [s.operation for s in om.history(again)] == [s.operation for s in om.history(made)]
    assert [s.id for s in om.history(again)] == [s.id for s in om.history(made)]


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_saved_comes_back_as_what_it_was(raw, tmp_path, suffix):
    image = om.open_signal(raw)
    for number, obj in enumerate([image, chain(raw), chain(raw)["mean"], om.open(raw)]):
        path = om.save(obj, tmp_path / f"{number}{suffix}")
        again = om.replay(path)
        assert type(again) is type(obj)
        if isinstance(obj, xr.DataTree):
            xr.testing.assert_equal(again.compute(), obj.compute())
        else:
            xr.testing.assert_equal(again.compute(), obj.compute())


def test_a_result_in_memory_is_replayed_too(raw):
    made = chain(raw).compute()
    again = om.replay(made)
    xr.testing.assert_equal(again.compute(), made)


def test_one_variable_of_a_result_is_replayed_alone(raw):
    made = chain(raw)["mean_std"][1:]
    again = om.replay(made)
    assert again.name == "mean_std"
    np.testing.assert_array_equal(again.values, made.values)


def test_a_moved_raw_file_is_found_beside_the_result_or_where_one_says(raw, tmp_path):
    saved = om.save(chain(raw), tmp_path / "there" / "result.zarr")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = shutil.move(raw, elsewhere / raw.name)
    with pytest.raises(om.DataError, match=r"raw\.mrc is not there; say where"):
        om.replay(saved)
    for source in (moved, elsewhere):
        assert set(om.replay(saved, source=source).data_vars) == {"mean", "mean_std"}
    shutil.move(moved, tmp_path / "there" / raw.name)
    assert set(om.replay(saved).data_vars) == {"mean", "mean_std"}


def test_a_changed_raw_file_is_refused(raw, tmp_path):
    saved = om.save(chain(raw), tmp_path / "result.zarr")
    content = bytearray(raw.read_bytes())
    content[-3] ^= 4
    raw.write_bytes(content)
    with pytest.raises(om.DataError, match="is not the file that was recorded"):
        om.replay(saved)


def test_the_step_that_differs_is_named(raw, monkeypatch):
    made = chain(raw).compute()
    name = sharpen.operation.name
    other = Operation(name, lambda data, amount: data * amount, "", {}, lazy=True)
    monkeypatch.setitem(_registry, name, other)
    with pytest.warns(ReplayWarning, match=r"summarise.*differs from what was recorded"):
        om.replay(made)


def test_values_changed_outside_of_operations_cannot_be_replayed(raw):
    made = sharpen(om.open_signal(raw).astype(float) ** 2)
    with pytest.raises(om.DataError, match="changed there by code"):
        om.replay(made)


def test_an_array_from_memory_must_be_given_again():
    data = xr.DataArray(np.arange(5.0), dims="x", name="mine", coords={"x": np.arange(5.0)})
    made = sharpen(data)
    with pytest.raises(om.DataError, match=r"give it with `arrays=\{'mine'"):
        om.replay(made)
    np.testing.assert_array_equal(om.replay(made, arrays={"mine": data}), made)


def test_data_without_a_history_cannot_be_replayed():
    with pytest.raises(om.DataError, match="no history"):
        om.replay(xr.DataArray([1.0], dims="x"))


def test_a_result_made_before_is_found_and_not_one_made_otherwise(raw, tmp_path):
    data = om.open_signal(raw)
    name = sharpen.operation.name
    om.save(sharpen(data, 2.0), tmp_path / "results" / "one.zarr")
    om.save(sharpen(data, 3.0), tmp_path / "results" / "two.hf5")
    (tmp_path / "results" / "notes.txt").write_text("not a result")
    found = om.find_previous(tmp_path / "results", name, data, {"amount": 3.0})
    np.testing.assert_array_equal(found, sharpen(data, 3.0))
    assert om.find_previous(tmp_path / "results", name, data, {"amount": 4.0}) is None
    assert om.find_previous(tmp_path / "results", name, data[:2], {"amount": 3.0}) is None
    assert (
        om.find_previous(tmp_path / "results" / "one.zarr", name, {"data": data}, {"amount": 2.0})
        is not None
    )
    with pytest.raises(om.DataError, match="cannot be called so"):
        om.find_previous(tmp_path, name, data, {"colour": 1})


def test_a_script_of_a_result_runs_and_gives_the_same(raw, tmp_path, monkeypatch):
    data = om.open_signal(raw)[1:3]
    text = om.script(om.image.power_spectrum(data))
    assert "om.image.power_spectrum(part" in text
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(text, "script", "exec"), names)  # the script that the test made itself
    xr.testing.assert_equal(
        names["power_spectrum"].compute(), om.image.power_spectrum(data).compute()
    )
    assert (tmp_path / "power_spectrum.png").stat().st_size > 1000


def test_replaying_gives_no_warning_on_the_same_environment(raw):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        om.replay(chain(raw).compute())
