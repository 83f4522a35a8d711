"""Recipes: read, checked, made of results, applied."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.recipes.running import (
    Recipe,
    RecipeStep,
    apply_recipe,
    format_recipe,
    is_made,
    load_recipe,
    parse_recipe,
    recipe_of,
)
from omniscopy.io.recipes.schemas import complaints
from omniscopy.io.recipes.toml import inline, without_none
from omniscopy.model import DataError
from omniscopy.testing.files.mrc import write_mrc

PEAKS = """
[[step]]
operation = "signal.sum_over"
[step.parameters]
dims = ["y"]
"""


@pytest.fixture
def image(tmp_path):
    values = np.arange(48, dtype=np.float32).reshape(6, 8)
    return write_mrc(tmp_path / "image.mrc", values, cell=(8.0, 6.0, 1.0))


def test_a_recipe_is_applied_to_a_file(image):
    made = apply_recipe(parse_recipe(PEAKS), image)
    np.testing.assert_allclose(made, om.open_signal(image).sum("y"))
    assert [step.operation for step in om.history(made)] == ["io.open_signal", "signal.sum_over"]


def test_a_result_is_its_own_recipe(image):
    by_hand = om.signal.sum_over(om.open_signal(image), dims=["y"])
    recipe = recipe_of(by_hand)
    assert recipe == parse_recipe(format_recipe(recipe))
    again = apply_recipe(recipe, image)
    assert om.history(again)[-1].id == om.history(by_hand)[-1].id


def test_a_saved_result_is_a_recipe(image, tmp_path):
    saved = om.save(om.signal.sum_over(om.open_signal(image), dims=["x"]), tmp_path / "sum.hf5")
    (step,) = load_recipe(saved).steps
    assert (step.operation, step.parameters) == ("signal.sum_over", {"dims": ["x"]})


def test_a_part_that_was_taken_is_in_the_recipe(image):
    raw = om.open_signal(image)
    recipe = recipe_of(om.signal.sum_over(raw.isel(y=slice(1, 4)), dims=["y"]))
    assert [step.operation for step in recipe.steps] == ["select", "signal.sum_over"]
    again = apply_recipe(parse_recipe(format_recipe(recipe)), image)
    np.testing.assert_allclose(again, raw.isel(y=slice(1, 4)).sum("y"))


def test_what_was_made_is_known_until_anything_changes(image, tmp_path):
    recipe = parse_recipe(PEAKS)
    saved = om.save(apply_recipe(recipe, image), tmp_path / "made.hf5")
    assert is_made(recipe, image, saved)
    assert not is_made(parse_recipe(PEAKS.replace("y", "x")), image, saved)
    assert not is_made(recipe, image, image)
    assert not is_made(recipe, image, tmp_path / "none.hf5")
    write_mrc(image, np.ones((6, 8), np.float32))
    assert not is_made(recipe, image, saved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"has no steps; write each as \[\[step\]\]"),
        ("[[step", "is not TOML"),
        ("[other]\n", "unknown part 'other'"),
        ("[input]\nfile = 1\n" + PEAKS, "unknown entry 'file'; it takes channel"),
        ("[input]\nchannel = 1\n" + PEAKS, "must be text, got 1"),
        ("[[step]]\n", "step 1 of the recipe names no operation"),
        ("[[step]]\noperation = 'os.system'", "'os.system' is not an operation|no public"),
        ("[[step]]\noperation = 'builtins.eval'", "step 1"),
        ("[[step]]\noperation = 'signal.sum_ovr'", "did you mean 'signal.sum_over'"),
        ("[[step]]\noperation = 'signal.sum_over'\ncode = 'x'", "unknown entry 'code'"),
        (PEAKS + "axis = 1", "there is no parameter 'axis'"),
        (PEAKS.replace('["y"]', "3"), "parameter 'dims' must be .*, got 3"),
        (PEAKS.replace("[step.p", "inputs = { data = 'later' }\n[step.p"), "refers to 'later'"),
    ],
)  # fmt: skip
def test_a_recipe_that_is_wrong_says_where_and_why(text, message):
    with pytest.raises(DataError, match=message):
        parse_recipe(text)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda raw: raw, "nothing was done"),
        (lambda raw: om.signal.sum_over(raw * 2, dims=["y"]), "changed by code"),
        (lambda raw: xr.DataArray([1.0]), "it has no history"),
        (lambda raw: om.signal.sum_over(raw.drop_attrs().copy() + 0, dims=["y"]), "in memory"),
    ],
)
def test_a_history_that_cannot_be_repeated_is_refused(image, made, message):
    with pytest.raises(DataError, match=message):
        recipe_of(made(om.open_signal(image)))


def test_a_recipe_without_an_extension_of_its_own_must_be_a_saved_result(tmp_path):
    path = tmp_path / "recipe.txt"
    path.write_text(PEAKS)
    with pytest.raises(om.FormatError):
        load_recipe(path)
    with pytest.raises(om.FormatError, match="cannot be read: No such file"):
        load_recipe(tmp_path / "none.toml")


def test_inputs_name_earlier_steps_and_their_variables():
    steps = (
        RecipeStep("signal.sum_over", {"dims": ["y"]}, {"data": "raw"}, "first"),
        RecipeStep("signal.sum_over", {}, {"data": "first.values"}, "second"),
    )
    recipe = Recipe(steps, {"raw": "Height"}, {"partial": True})
    assert parse_recipe(format_recipe(recipe)) == recipe


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_any_plain_value_survives_toml(value):
    import tomllib

    text = f"value = {inline(value)}"
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        return
    assert without_none(tomllib.loads(text)["value"]) == value


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [1, -3], [1.5, True, "1", None]),
        ({"type": "number"}, [1, 2.5], [False, "x"]),
        ({"enum": ["a", "b"]}, ["a"], ["c", 1]),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, ["x", {"$type": "none"}], [1]),
        ({"type": "string"}, ["x"], [{"$type": "none"}]),
        ({"type": "array", "items": {"type": "string"}}, [[], ["a"]], [["a", 1], "a"]),
        ({"type": "array", "prefixItems": [{"type": "number"}] * 2}, [[1, 2]], [[1], [1, "b"]]),
        ({"type": "object", "additionalProperties": {"type": "number"}}, [{"a": 1}], [{"a": "b"}]),
        ({}, [1, "x", [None], {"$type": "slice", "parts": [0, 1, 2]}], []),
    ],
)
def test_parameters_are_checked_against_their_schema(schema, good, bad):
    whole = {"properties": {"p": schema}, "required": ["p"]}
    assert complaints({}, whole) == ["parameter 'p' is missing"]
    for value in good:
        assert complaints({"p": value}, whole) == []
    for value in bad:
        assert "parameter 'p' must be" in complaints({"p": value}, whole)[0]
