"""What xarray keeps to itself is still as we use it.

Where labels need not be compared, results and trees are put together by these parts, several
times as quickly. When one of these tests fails after an upgrade of xarray, take the public way
that it is compared with at the places that it names, or raise the lower bound in `pyproject.toml`.
"""

import inspect

import numpy as np
import pytest
import xarray as xr

from omniscopy.io.tree import grown

X = xr.DataArray(np.arange(3.0), {"x": [10, 20, 30]}, name="signal", attrs={"units": "V"})
WHOLE = xr.Dataset({"signal": X}, attrs={"title": "one"})


@pytest.mark.parametrize(
    ("kind", "name", "words", "used"),
    [
        (xr.Dataset, "_construct_direct", ["variables", "coord_names", "dims", "attrs", "indexes"],
         "model/results.py, io/tree.py"),
        (xr.Coordinates, "_construct_direct", ["coords", "indexes"],
         "diffraction/reductions/reading.py"),
        (xr.Dataset, "_replace", ["variables", "attrs"], "model/provenance.py, io/tree.py"),
    ],
)  # fmt: skip
def test_the_parts_take_what_we_give_them(kind, name, words, used):
    function = getattr(kind, name, None)
    assert function is not None, f"{kind.__name__}.{name} is gone: mend {used}"
    taken = [word for word in inspect.signature(function).parameters if word != "self"]
    places = [taken.index(word) if word in taken else -1 for word in words]
    assert min(places) >= 0, f"{kind.__name__}.{name} takes {taken}: mend {used}"
    if name == "_construct_direct":
        assert taken[: len(words)] == words, f"in another order, {taken}: mend {used}"


def test_a_dataset_put_together_is_one_made_the_public_way():
    made = xr.Dataset._construct_direct(
        {"signal": X.variable, "x": X["x"].variable}, {"x"}, {"x": 3}, {"title": "one"},
        dict(X.xindexes),
    )  # fmt: skip
    xr.testing.assert_identical(made, WHOLE)
    xr.testing.assert_identical(made.sel(x=20), WHOLE.sel(x=20))
    assert dict(made.sizes) == {"x": 3}


def test_coordinates_put_together_are_those_of_the_data():
    made = xr.Coordinates._construct_direct(dict(X._coords), dict(X._indexes))
    assert made.identical(X.coords)


def test_variables_replaced_keep_what_is_not_named():
    variables = {name: each.copy(deep=False) for name, each in WHOLE._variables.items()}
    variables["signal"].attrs["units"] = "A"
    made = WHOLE._replace(variables, attrs={"title": "two"})
    expected = WHOLE.assign_attrs(title="two")
    expected["signal"].attrs["units"] = "A"
    xr.testing.assert_identical(made, expected)
    assert WHOLE["signal"].attrs["units"] == "V"
    assert made.indexes["x"].equals(WHOLE.indexes["x"])


@pytest.mark.parametrize("root", [xr.Dataset(attrs={"file": "one"}), WHOLE.drop_vars("signal")])
def test_trees_put_together_are_those_made_the_public_way(root):
    other = WHOLE.rename(signal="other")
    nodes = {(): root, ("one",): WHOLE, ("two", "deep"): other, ("two", "far", "away"): WHOLE}
    public = xr.DataTree.from_dict({"/".join(("", *path)): each for path, each in nodes.items()})
    made = grown({path: each.copy() for path, each in nodes.items()})
    xr.testing.assert_identical(made, public)
    assert [node.path for node in made.subtree] == [node.path for node in public.subtree]
    assert made["two/far/away"].root is made
    away = made["two/far/away"]
    away["more"] = xr.ones_like(X)
    away.orphan()
    assert "more" not in WHOLE
    assert away.parent is None
    assert "away" not in made["two/far"].children
