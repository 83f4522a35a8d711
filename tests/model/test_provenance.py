"""The history that every result carries."""

import pickle
import time
from typing import TypeVar

import numpy as np
import pytest
import xarray as xr

from omniscopy.model import (
    DataError,
    all_operations,
    find_operation,
    history,
    operation,
    result,
    script,
    select,
)
from omniscopy.model.provenance import PROVENANCE, records, with_changes


@operation
def scale(data: xr.DataArray, factor: float = 2.0) -> xr.DataArray:
    """Multiply the values by a number."""
    return (data * factor).assign_attrs(units="1")


@operation
def add(one: xr.DataArray, others: list[xr.DataArray]) -> xr.DataArray:
    """Add several arrays."""
    return sum(others, one).drop_attrs(deep=False)


@operation
def measure(data: xr.DataArray, *, window: tuple[float, float] | None = None) -> xr.Dataset:
    """Measure mean and maximum, through another operation."""
    twice = scale(data, 1.0)
    return result(mean=(twice.mean("x"), "1"), maximum=(twice.max("x"), "1"))


Labelled = TypeVar("Labelled", bound=xr.DataArray | xr.Dataset)


@operation
def halve(obj: Labelled) -> Labelled:
    """Halve an array, or all variables of a Dataset."""
    return obj * 0.5


def data(n=5):
    x = xr.DataArray(np.arange(n) * 0.5, dims="x", attrs={"units": "nm"})
    y = xr.DataArray(np.arange(3) * 2.0, dims="y", attrs={"units": "nm"})
    values = np.arange(3.0 * n).reshape(3, n)
    attrs = {"units": "counts", "metadata": {"beam": {"voltage": 2e5}}}
    return xr.DataArray(values, dims=("y", "x"), coords={"y": y, "x": x}, name="d", attrs=attrs)


def names(obj):
    return [step.operation.rpartition(".")[2] for step in history(obj)]


def test_a_result_remembers_its_operation_its_parameters_and_its_input():
    first, last = history(scale(data(), factor=3.0))
    assert first.operation == "data"
    assert last.operation.endswith("scale")
    assert last.parameters == {"factor": 3.0}
    assert last.inputs == {"data": {"id": first.id}}
    assert last.environment["numpy"] == np.__version__


def test_default_parameters_are_recorded_too():
    assert history(scale(data()))[-1].parameters == {"factor": 2.0}


def test_only_the_outermost_call_is_recorded():
    assert names(measure(data())) == ["data", "measure"]


def test_the_same_call_on_the_same_data_has_the_same_id():
    assert history(scale(data()))[-1].id == history(scale(data()))[-1].id
    assert history(scale(data(), 3.0))[-1].id != history(scale(data(), 4.0))[-1].id
    assert history(scale(data() + 1))[-1].id != history(scale(data()))[-1].id


def test_several_inputs_are_united_and_each_step_is_there_once():
    raw = data()
    one, two = scale(raw, 2.0), scale(raw, 3.0)
    made = add(one, [two, one, raw])
    assert names(made) == ["data", "scale", "scale", "add"]
    step = history(made)[-1]
    ids = {s.parameters.get("factor"): s.id for s in history(made)}
    expected = [{"id": ids[3.0]}, {"id": ids[2.0]}, {"id": history(made)[0].id}]
    assert step.inputs["others"] == expected


def test_a_variable_taken_out_of_a_result_keeps_its_history():
    made = scale(measure(data())["maximum"])
    assert names(made) == ["data", "measure", "scale"]
    assert history(made)[-1].inputs["data"]["variable"] == "maximum"


@pytest.mark.parametrize(
    ("part", "labels"),
    [
        (lambda d: d.isel(x=slice(1, 4)), {"x": {"first": 0.5, "last": 1.5, "size": 3}}),
        (lambda d: d.isel(x=slice(None, None, -2)), {"x": {"first": 2.0, "last": 0.0, "size": 3}}),
        (lambda d: d.sel(y=2.0), {"y": {"label": 2.0}}),
        (lambda d: d.transpose("x", "y"), {}),
    ],
)
def test_a_part_of_a_result_is_recorded_as_a_selection_that_can_be_repeated(part, labels):
    made = scale(data())
    again = scale(part(made))
    assert names(again) == ["data", "scale", "select", "scale"]
    step = history(again)[2]
    assert step.parameters["labels"] == labels
    xr.testing.assert_identical(
        select(made, step.parameters).drop_attrs(deep=False), part(made).drop_attrs(deep=False)
    )


def test_values_changed_by_other_code_are_recorded_as_changed():
    made = scale(data())
    assert names(scale(made + 1)) == ["data", "scale", "change", "scale"]
    made[0, 0] = 7.0
    assert names(scale(made)) == ["data", "scale", "change", "scale"]


def test_lazy_values_changed_by_other_code_are_noticed_without_computing():
    made = scale(data().chunk(x=2))
    assert made.chunks is not None
    assert names(scale(made)) == ["data", "scale", "scale"]
    assert names(scale(made + 1)) == ["data", "scale", "change", "scale"]
    assert names(scale(made.compute())) == ["data", "scale", "scale"]


def test_the_history_survives_slicing_arithmetic_and_pickling():
    made = scale(data())
    for later in (made[:2], made * 2, made + made, np.sqrt(made), pickle.loads(pickle.dumps(made))):
        assert records(later) == records(made)


def test_the_history_is_appended_to_and_never_changed():
    made = scale(data())
    before = pickle.dumps(records(made))
    scale(made)
    assert pickle.dumps(records(made)) == before
    assert PROVENANCE not in data().attrs


def test_a_result_keeps_the_metadata_of_its_first_input():
    assert scale(data()).attrs["metadata"] == {"beam": {"voltage": 2e5}}
    assert measure(data()).attrs["metadata"] == {"beam": {"voltage": 2e5}}


def test_the_input_of_an_operation_is_not_modified():
    raw = data()
    before = raw.copy(deep=True)
    scale(raw)
    xr.testing.assert_identical(raw, before)


def test_with_changes_says_what_was_done_since():
    steps, reference = with_changes(scale(data())[:, 1:3])
    assert steps[-1]["operation"] == "select"
    assert reference == {"id": steps[-1]["id"]}


def test_recording_costs_little_on_large_arrays():
    large = xr.DataArray(np.zeros((64, 256, 256)), dims=("z", "y", "x"))

    def seconds(function):
        start = time.thread_time()
        function(large)
        return time.thread_time() - start

    plain = min(seconds(lambda d: d * 2.0) for _ in range(5))
    assert min(seconds(scale) for _ in range(5)) < 2 * plain


def test_the_registry_knows_the_parameters_of_an_operation():
    entry = scale.operation
    assert entry.inputs == ["data"]
    assert entry.schema["properties"] == {"factor": {"type": "number", "default": 2.0}}
    assert add.operation.inputs == ["one", "others"]
    assert halve.operation.inputs == ["obj"]
    window = measure.operation.schema["properties"]["window"]
    assert {"type": "null"} in window["anyOf"]
    assert entry in all_operations()


def test_an_unknown_operation_is_refused_in_words():
    with pytest.raises(DataError, match=r"has no public 'signal\.nothing'"):
        find_operation("signal.nothing")
    with pytest.raises(DataError, match="is not an operation"):
        find_operation("model.history")


def test_a_script_names_every_step_once_and_compiles():
    raw = data()
    made = add(scale(raw, 2.0), [scale(raw, 3.0)[:, 1:]])
    text = script(made)
    compile(text, "script", "exec")
    assert text.count("scale(") == 2
    assert "om.select(" in text
    assert "figure = om.plot.signal(add)" in text


def test_a_notebook_has_a_cell_for_every_step():
    import json

    book = json.loads(script(scale(data()), format="ipynb"))
    assert book["nbformat"] == 4
    code = ["".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code"]
    assert code == [
        "import omniscopy as om",
        "data = ...  # an array that was in memory: assign it here",
        "om.plot.signal(data)",
        code[3],
        "om.plot.signal(scale)",
    ]
    assert code[3].startswith("scale = om.")
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])


def test_data_without_a_history_have_no_script():
    with pytest.raises(DataError, match="no history"):
        script(data())


def test_labels_of_a_dimension_may_become_those_of_another():
    made = scale(xr.DataArray(np.arange(3.0), {"sample": [0, 1, 2]}, dims="sample"))
    other = made.assign_coords(bias=("sample", [0.0, 1.0, 0.0])).swap_dims(sample="bias")
    name = scale.operation.name
    assert [step.operation for step in history(scale(other))] == ["data", name, name]


def test_a_call_that_does_not_fit_says_how_it_is_made():
    with pytest.raises(TypeError, match=r"scale: too many positional .*scale\(data, factor=2\.0\)"):
        scale(data(), 2.0, 3.0)
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'by'.*scale\(data, factor"):
        scale(data(), by=3.0)
