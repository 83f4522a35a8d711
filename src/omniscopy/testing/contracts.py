"""What every operation must do, whatever it is: for our tests and for those of plug-ins.

Each of `CHECKS` takes an `Operation` and raises `AssertionError` where it breaks a promise::

    @pytest.mark.parametrize("check", contracts.CHECKS, ids=lambda check: check.__name__)
    @pytest.mark.parametrize("operation", my_operations, ids=lambda operation: operation.name)
    def test_operation(operation, check):
        check(operation)

Text that an operation's example gives for labelled data names one of `omniscopy.samples`.
"""

import copy
import doctest
import functools
import inspect
import json
import pickle
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dask
import numpy as np
import xarray as xr

from omniscopy import samples
from omniscopy.io import replay, save
from omniscopy.io.saving import from_tree
from omniscopy.model import (
    DataError,
    Operation,
    conversion_factor,
    convert_units,
    decode,
    encode,
    history,
    is_unit,
    kind_of_dim,
    validate,
)
from omniscopy.testing.schemas import conforms, is_schema

Labelled = xr.DataArray | xr.Dataset
Check = Callable[[Operation], None]

# Units and their thousandfold, to see whether what is stated follows what is given.
_SMALLER = {"nm": "pm", "1/nm": "1/µm", "eV": "meV", "Hz": "mHz", "V": "mV", "s": "ms"}


def call_example(operation: Operation, **changes: Any) -> Any:
    """Return what `operation` makes of its example, with some arguments replaced."""
    return operation.function(**{**example_of(operation), **changes})


def example_of(operation: Operation) -> dict[str, Any]:
    """Return the arguments of the example, with the samples that it names."""
    named = operation.inputs
    return {
        key: _sample(value) if key in named else value for key, value in operation.example.items()
    }


def check_example(operation: Operation) -> None:
    """Check that there is an example, that it runs, and that it gives labelled data."""
    missing = [name for name in operation.inputs if name not in operation.example]
    needed = _required(operation)
    assert not [name for name in missing if name in needed], (
        f"{operation.name} has no example for {missing}: @operation(example={{...}})"
    )
    made = call_example(operation)
    assert isinstance(made, xr.DataArray | xr.Dataset), f"{operation.name} returns {type(made)}"


def check_schema(operation: Operation) -> None:
    """Check that the parameters have a schema, and that defaults and example conform to it."""
    schema = json.loads(json.dumps(operation.schema, allow_nan=False))
    assert is_schema(schema), schema
    assert set(schema["required"]) <= set(schema["properties"])
    for name, part in schema["properties"].items():
        if "default" in part:
            assert conforms(part["default"], part), f"default of {name!r}: {part}"
        if name in operation.example:
            assert conforms(encode(operation.example[name]), part), f"example of {name!r}: {part}"


def check_docstring(operation: Operation) -> None:
    """Check that the docstring says what is done, what is taken, and what comes back."""
    text = inspect.getdoc(operation.function) or ""
    summary = text.partition("\n")[0]
    assert summary.endswith("."), f"the summary must be one sentence: {summary!r}"
    assert summary == operation.summary
    sections = _sections(text)
    assert sections.get("Returns", "").strip(), "there is no section 'Returns'"
    described = re.findall(r"^(\w[\w, *]*) : ", sections.get("Parameters", ""), re.MULTILINE)
    names = {name.strip() for line in described for name in line.split(",")}
    taken = set(inspect.signature(operation.function).parameters)
    assert names == taken, f"described: {sorted(names)}, taken: {sorted(taken)}"


def check_examples_of_docstring(operation: Operation) -> None:
    """Check that the examples in the docstring run, and print what they say."""
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(verbose=False)
    said: list[str] = []
    for test in finder.find(operation.function, operation.name, module=False, globs={}):
        runner.run(test, out=said.append)
    assert not said, "".join(said)


def check_lazy_equals_eager(operation: Operation) -> None:
    """Check that lazy data give the same numbers, however they are cut."""
    eager = call_example(operation)
    for parts in (2, 3):
        changed = _changed(operation, functools.partial(_cut, parts=parts))
        assert_same(call_example(operation, **changed).compute(), eager)


def check_lazy_stays_lazy(operation: Operation) -> None:
    """Check that nothing is computed before it is asked for, and that the result is lazy."""
    if not operation.lazy:
        return
    changed = _changed(operation, lambda data: _cut(data, 2))
    with dask.config.set(scheduler=_refuse):
        made = call_example(operation, **changed)
    if changed:
        lazy = [variable.chunks is not None for variable in _variables(made)]
        assert any(lazy), "the result is in memory"


def check_order_of_dimensions(operation: Operation) -> None:
    """Check that the order of the dimensions of the input does not change the numbers."""
    changed = _changed(operation, lambda data: data.transpose(*reversed(list(data.dims))))
    assert_same(call_example(operation, **changed), call_example(operation))


def check_further_dimension(operation: Operation) -> None:
    """Check that each point of a further dimension gives what it gives alone."""
    halves = [_changed(operation, step) for step in (lambda data: data, _half)]
    if not halves[0]:
        return
    both = {name: _joined([half[name] for half in halves]) for name in halves[0]}
    made = call_example(operation, **both)
    for number, half in enumerate(halves):
        assert "cycle" in made.dims, "the further dimension is gone"
        assert_same(made.isel(cycle=number, drop=True), call_example(operation, **half))


def check_input_is_not_modified(operation: Operation) -> None:
    """Check that values, coordinates and attributes of the input stay as they are."""
    given = {name: _deeply_copied(value) for name, value in _inputs(operation).items()}
    before = {name: _deeply_copied(value) for name, value in given.items()}
    call_example(operation, **given).compute()
    for name, value in before.items():
        for one, other in zip(_flat(value), _flat(given[name]), strict=True):
            xr.testing.assert_identical(one, other)


def check_attributes_do_not_leak(operation: Operation) -> None:
    """Check that what describes the values of the input is not said of those of the result."""
    absurd = {"standard_name": "air_temperature", "valid_max": 3, "flag_meanings": "a b"}
    changed = _changed(operation, lambda data: _described(data, absurd))
    for variable in _variables(call_example(operation, **changed)):
        leaked = {
            key: variable.attrs[key] for key in absurd if variable.attrs.get(key) == absurd[key]
        }
        assert not leaked, f"{variable.name!r} has {leaked}"


def check_units_of_values(operation: Operation) -> None:
    """Check that the same values in other units give the same result.

    An operation that takes a Dataset too may refuse units that do not fit to it.
    """
    inputs = _inputs(operation)
    given = {
        name: value
        for name, value in inputs.items()
        if isinstance(value, xr.DataArray) and value.dtype.kind in "iufc"
    }
    large = {name: _wide(value).assign_attrs(units="V") for name, value in given.items()}
    small = {
        name: (value * 1e3).assign_attrs({**value.attrs, "units": "mV"})
        for name, value in large.items()
    }
    try:
        expected = call_example(operation, **large)
    except DataError:
        assert any(isinstance(value, xr.Dataset) for value in inputs.values())
        return
    assert_same(call_example(operation, **small), expected, scaled=True)


def check_units_of_coordinates(operation: Operation) -> None:
    """Check that the same coordinates in other units give the same result."""
    changed = _changed(operation, _in_smaller_units)
    assert_same(call_example(operation, **changed), call_example(operation), scaled=True)


def check_falling_coordinates(
    operation: Operation, *, tolerance: float | Mapping[str, float] = 1e-4
) -> None:
    """Check that data listed backwards, with their coordinate, give the same result.

    `tolerance` is that of all variables, or of those that it names; 1e-4 for others.

    Of all inputs with a spatial, reciprocal or spectral coordinate, and of each alone where several
    share it. A `DataError` says that the coordinate must ascend, or that inputs must agree. New
    coordinates may begin elsewhere: what is compared are points that both results have.
    """
    if isinstance(tolerance, Mapping):
        tolerance = defaultdict(lambda: 1e-4, tolerance)
    inputs = _inputs(operation)
    expected = _sorted(call_example(operation).compute())
    for dim in _directed(inputs):
        turned = _changed(operation, functools.partial(_backwards, dim=dim))
        owners = [name for name, value in inputs.items() if dim in _flat(value)[0].dims]
        alone = [{name: turned[name]} for name in owners if len(owners) > 1]
        for changed in [turned, *alone]:
            try:
                made = call_example(operation, **changed).compute()
            except DataError:
                continue
            try:
                assert_same(*_shared(_sorted(made), expected), tolerance=tolerance)
            except AssertionError as error:
                error.add_note(f"{dim!r} of {sorted(changed)} falls")
                raise


def check_result_keeps_the_contract(operation: Operation) -> None:
    """Check that every variable and coordinate of the result keeps the data contract."""
    breaches = validate(call_example(operation))
    assert not breaches, breaches


def check_single_precision(operation: Operation) -> None:
    """Check that values in single precision give the result to single precision."""
    changed = _changed(operation, lambda data: _as(data, single=True))
    exact = _changed(operation, lambda data: _as(_as(data, single=True), single=False))
    made, expected = (call_example(operation, **given) for given in (changed, exact))
    assert_same(made, expected, tolerance=1e-3)


def check_history(operation: Operation) -> None:
    """Check that the result says how it was made, as a part, a copy and a pickle too."""
    made = call_example(operation)
    steps = history(made)
    assert steps, "there is no history"
    assert steps[-1].operation == operation.name
    assert set(steps[-1].parameters) | set(steps[-1].inputs) == set(
        inspect.signature(operation.function).parameters
    )
    json.dumps(made.attrs["provenance"], allow_nan=False)
    for name, value in operation.example.items():
        if name not in operation.inputs:
            assert decode(steps[-1].parameters[name]) == decode(encode(value)), name
    assert history(call_example(operation))[-1].id == steps[-1].id, "the same call, another id"
    parts = [made.copy(), made.isel(dict.fromkeys(made.dims, 0)), pickle.loads(pickle.dumps(made))]
    if isinstance(made, xr.Dataset):
        parts += list(made.data_vars.values())
    for part in parts:
        assert [step.id for step in history(part)] == [step.id for step in steps]


def check_history_survives_saving(operation: Operation) -> None:
    """Check that a saved result is the same when it is opened again, with its history."""
    from omniscopy.io import open as open_tree

    made = call_example(operation)
    with tempfile.TemporaryDirectory() as folder:
        path = save(made, Path(folder) / "result.zarr")
        back: Any = from_tree(open_tree(path)).compute()
    assert_same(back, made, tolerance=1e-12)
    assert [step.id for step in history(back)] == [step.id for step in history(made)]


def check_replay(operation: Operation) -> None:
    """Check that the history of a result makes it again, number for number."""
    made = call_example(operation)
    again: Any = replay(made)
    assert_same(again, made, tolerance=0.0)


def check_missing_values(operation: Operation) -> None:
    """Check that a value that is missing, and nothing but missing values, are no crash."""
    for spoil in (_with_a_hole, _with_nothing):
        changed = _changed(operation, spoil)
        _attempt(operation, changed)


def check_empty_data(operation: Operation) -> None:
    """Check that data without a single point give a result or a DataError."""
    for name, value in _inputs(operation).items():
        if not isinstance(value, list):
            for dim in value.dims:
                _attempt(operation, {name: value.isel({dim: slice(0)})})


CHECKS: tuple[Check, ...] = (
    check_example,
    check_schema,
    check_docstring,
    check_examples_of_docstring,
    check_lazy_equals_eager,
    check_lazy_stays_lazy,
    check_order_of_dimensions,
    check_further_dimension,
    check_input_is_not_modified,
    check_attributes_do_not_leak,
    check_units_of_values,
    check_units_of_coordinates,
    check_falling_coordinates,
    check_result_keeps_the_contract,
    check_single_precision,
    check_history,
    check_history_survives_saving,
    check_replay,
    check_missing_values,
    check_empty_data,
)


def assert_same(
    made: Labelled,
    expected: Labelled,
    *,
    tolerance: float | Mapping[str, float] = 1e-6,
    scaled: bool = False,
) -> None:
    """Raise unless two results hold the same values, whatever their order of dimensions.

    `tolerance` is relative to the largest value of a variable, and may be that of each by its
    name. Points after the last that an
    operation found (NaN in all variables) are left out. With `scaled`, values and coordinates
    are compared in the units of `expected`.
    """
    made, expected = _without_padding(made), _without_padding(expected)
    assert isinstance(made, type(expected))
    assert dict(made.sizes) == dict(expected.sizes)
    assert {v.name for v in _variables(made)} == {v.name for v in _variables(expected)}
    pairs = [*zip(_variables(made), _variables(expected), strict=True)]
    pairs += [
        (made.coords[dim], expected.coords[dim]) for dim in expected.dims if dim in expected.coords
    ]
    for one, other in pairs:
        if other.dtype.kind in "US":
            np.testing.assert_array_equal(one, other, err_msg=str(other.name))
            continue
        factor = _factor(one, other) if scaled else 1.0
        values = one.transpose(*other.dims).values
        size = np.max(np.abs(other.values), where=np.isfinite(other.values), initial=0.0)
        allowed = tolerance[str(one.name)] if isinstance(tolerance, Mapping) else tolerance
        np.testing.assert_allclose(
            values * factor if values.dtype.kind in "fc" else values, other.values,
            rtol=allowed, atol=allowed * size, equal_nan=True, err_msg=str(one.name),
        )  # fmt: skip


_FURTHER = xr.Variable(("cycle",), [0, 1], {"units": "1", "quantity": "cycle", "kind": "parameter"})


def _sample(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_sample(item) for item in value]
    return copy.deepcopy(_made(value)) if isinstance(value, str) else value


@functools.cache
def _made(name: str) -> Any:
    # Made once, and a copy for each check: half of the time of all checks went into making them.
    return getattr(samples, name)()


def _required(operation: Operation) -> set[str]:
    parameters = inspect.signature(operation.function).parameters
    return {name for name, each in parameters.items() if each.default is each.empty}


def _inputs(operation: Operation) -> dict[str, Any]:
    given = example_of(operation)
    return {name: given[name] for name in operation.inputs if given.get(name) is not None}


def _changed(operation: Operation, change: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        name: [change(item) for item in value] if isinstance(value, list) else change(value)
        for name, value in _inputs(operation).items()
    }


def _joined(parts: list[Any]) -> Any:
    """Return inputs side by side along the further dimension, lists item by item."""
    if isinstance(parts[0], list):
        return [xr.concat(items, _FURTHER) for items in zip(*parts, strict=True)]
    return xr.concat(parts, _FURTHER)


def _flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _variables(obj: Labelled) -> list[xr.DataArray]:
    if isinstance(obj, xr.DataArray):
        return [obj]
    return [obj[name] for name in sorted(map(str, obj.data_vars))]


def _cut(data: Labelled, parts: int) -> Labelled:
    """Return lazy data of about `parts` chunks along each dimension, with labels in memory."""
    lazy = data.chunk({dim: max(1, -(-size // parts)) for dim, size in data.sizes.items()})
    return lazy.assign_coords(data.coords)


def _refuse(*_graph: Any, **_options: Any) -> Any:
    message = "something was computed before it was asked for"
    raise AssertionError(message)


def _mapped(data: Labelled, change: Callable[[xr.DataArray], xr.DataArray]) -> Labelled:
    """Change every variable that holds numbers, and keep all attributes."""
    if isinstance(data, xr.DataArray):
        return change(data).assign_attrs(data.attrs)
    changed = {
        name: change(variable).assign_attrs(variable.attrs)
        for name, variable in data.data_vars.items()
        if variable.dtype.kind in "fc"
    }
    return data.assign(changed)


def _half(data: Labelled) -> Labelled:
    return _mapped(data, lambda each: each // 2 if each.dtype.kind in "iu" else each * 0.5)


def _wide(data: xr.DataArray) -> xr.DataArray:
    return data.astype(np.complex128 if data.dtype.kind == "c" else np.float64)


def _as(data: Labelled, *, single: bool) -> Labelled:
    kinds = (
        {"c": np.complex64, "f": np.float32} if single else {"c": np.complex128, "f": np.float64}
    )
    return _mapped(data, lambda each: each.astype(kinds.get(each.dtype.kind, each.dtype)))


def _described(data: Labelled, attrs: Mapping[str, Any]) -> Labelled:
    if isinstance(data, xr.DataArray):
        return data.assign_attrs(attrs)
    return data.assign({name: each.assign_attrs(attrs) for name, each in data.data_vars.items()})


def _with_a_hole(data: Labelled) -> Labelled:
    def spoil(each: xr.DataArray) -> xr.DataArray:
        wide = _wide(each).copy()
        wide[dict.fromkeys(wide.dims, -1)] = np.nan
        return wide

    return _mapped(data, spoil)


def _with_nothing(data: Labelled) -> Labelled:
    return _mapped(data, lambda each: _wide(each) * np.nan)


def _directed(inputs: Mapping[str, Any]) -> list[str]:
    """Return the dimensions of inputs with coordinates that may fall as well."""
    return sorted({
        str(dim)
        for value in inputs.values()
        for each in _flat(value)
        for dim in each.dims
        if dim in each.coords and each[dim].dtype.kind in "iuf" and each.sizes[dim] > 1
        and kind_of_dim(each, dim) in ("spatial", "reciprocal", "spectral")
    })  # fmt: skip


def _backwards(data: Labelled, dim: str) -> Labelled:
    return data.isel({dim: slice(None, None, -1)}) if dim in data.dims else data


def _sorted(obj: Labelled) -> Labelled:
    """Return a result with coordinates that ascend."""
    for dim in obj.dims:
        numbers = dim in obj.coords and obj[dim].dtype.kind in "iuf"
        if numbers and kind_of_dim(obj, dim) != "point":
            obj = obj.sortby(dim)
    return obj


def _shared(made: Labelled, expected: Labelled) -> tuple[Labelled, Labelled]:
    """Return the points that two results have, in the same order."""
    made, expected = _without_padding(made), _without_padding(expected)
    for dim in set(made.dims) & set(expected.dims):
        if kind_of_dim(expected, dim) == "point":
            made, expected = _points_paired(made, expected, dim)
        elif dim in made.coords and expected[dim].dtype.kind in "iuf":
            one, other = made[dim].values, expected[dim].values
            reach = 1e-6 * np.ptp(other) / max(other.size - 1, 1)
            at = np.argwhere(np.abs(one[:, None] - other) <= reach)
            assert len(at) >= 0.8 * other.size, f"{dim!r} has other labels: {one} for {other}"
            made, expected = made.isel({dim: at[:, 0]}), expected.isel({dim: at[:, 1]})
    return made, expected


def _points_paired(made: Labelled, expected: Labelled, dim: Any) -> tuple[Labelled, Labelled]:
    """Return two lists of points, each beside the nearest of the other list."""
    from scipy.spatial import cKDTree

    there = expected.variables if isinstance(expected, xr.Dataset) else expected.coords
    names = [name for name in ("y", "x", "ky", "kx", "position") if name in there and name != dim]
    names = [name for name in names if expected[name].dims == (dim,)]
    if names and made.sizes[dim] == expected.sizes[dim]:
        one, other = (np.stack([each[n].values for n in names], -1) for each in (made, expected))
        if np.isfinite(one).all() and np.isfinite(other).all():
            made = made.isel({dim: cKDTree(one).query(other)[1]})
    return made.drop_vars(dim, errors="ignore"), expected.drop_vars(dim, errors="ignore")


def _in_smaller_units(data: Labelled) -> Labelled:
    if isinstance(data, xr.Dataset):
        return data
    for dim in data.dims:
        units = data.coords[dim].attrs.get("units")
        if units in _SMALLER:
            data = convert_units(data, _SMALLER[units], dim=str(dim))
    return data


def _deeply_copied(value: Any) -> Any:
    """Return a copy that shares no list or dictionary of attributes either."""
    return (
        [_deeply_copied(item) for item in value]
        if isinstance(value, list)
        else copy.deepcopy(value)
    )


def _attempt(operation: Operation, changed: dict[str, Any]) -> None:
    try:
        made = call_example(operation, **changed)
    except DataError:
        return
    made.compute()


def _without_padding(obj: Labelled) -> Labelled:
    for dim in obj.dims:
        if kind_of_dim(obj, dim) == "point" and obj.sizes[dim]:
            obj = obj.dropna(dim, how="all")
    return obj


def _factor(one: xr.DataArray, other: xr.DataArray) -> float:
    """Return what brings values from the units of `one` to those of `other`."""
    found, wanted = one.attrs.get("units"), other.attrs.get("units")
    if not (is_unit(found) and is_unit(wanted)):
        assert found == wanted, f"{one.name!r} is in {found!r}, not {wanted!r}"
        return 1.0
    return conversion_factor(str(found), str(wanted))


def _sections(text: str) -> dict[str, str]:
    """Return the sections of a numpydoc docstring by title."""
    titles = [*_titles(text)]
    ends = [start for _, start, _ in titles[1:]] + [len(text)]
    return {title: text[stop:end] for (title, _, stop), end in zip(titles, ends, strict=True)}


def _titles(text: str) -> Iterator[tuple[str, int, int]]:
    for match in re.finditer(r"^(\w[\w ]*)\n-{3,}\n", text, re.MULTILINE):
        yield match[1], match.start(), match.end()
