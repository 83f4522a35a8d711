"""What all estimators have in common: manners, files, other programs, numbers of any kind."""

from collections.abc import Callable
from functools import cache
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from omniscopy.learn import (
    VAE,
    AtomFinder,
    Classifier,
    DeepKernelGP,
    Denoiser,
    GaussianProcess,
    ImageToSpectrum,
    MultiTaskClassifier,
    Regressor,
    Segmenter,
    SpectrumToImage,
    SymmetryClassifier,
    export_onnx,
    load,
)
from omniscopy.simulate import atom_scene, true_atoms

ONCE: dict[str, Any] = {"epochs": 1, "progress": False, "batch_size": 4}


def images(count: int = 8, size: int = 16) -> xr.DataArray:
    """Return small whole numbers, which all types of numbers hold."""
    values = np.random.default_rng(0).poisson(20.0, (count, size, size)).astype(np.float32)
    line = ("nm", 0.1 * np.arange(size))
    coords = {dim: (dim, line[1], {"units": line[0], "kind": "spatial"}) for dim in ("y", "x")}
    return xr.DataArray(values, dims=("frame", "y", "x"), coords=coords, attrs={"units": "1"})


def spectra() -> xr.DataArray:
    return xr.DataArray(
        np.random.default_rng(1).poisson(9.0, (8, 20)).astype(np.float32),
        dims=("frame", "energy_loss"), attrs={"units": "1"},
        coords={"energy_loss": ("energy_loss", np.arange(20.0), {"units": "eV"})},
    )  # fmt: skip


def _masks() -> np.ndarray:
    return (images().values > 20).astype(int)


def _rows() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(2).integers(0, 9, (12, 3)).astype(np.float64)
    return x, np.sin(x[:, 0])


def _found(model: AtomFinder) -> AtomFinder:
    image = atom_scene((40, 40), rng=1)
    return model.fit(image, true_atoms(image), examples=4, **ONCE)


LABELS = np.arange(8) % 2
# How each is made, learns from little, and what it says of what.
MADE: dict[str, tuple[Any, Callable[[Any], Any], str, str]] = {
    "AtomFinder": (AtomFinder(filters=4), _found, "predict", "image"),
    "Segmenter": (
        Segmenter(filters=2), lambda m: m.fit(images().values, _masks(), **ONCE), "predict",
        "images",
    ),
    "Denoiser": (
        Denoiser(filters=2), lambda m: m.fit(images(), examples=4, **ONCE), "predict", "images"
    ),
    "Classifier": (
        Classifier(filters=2), lambda m: m.fit(images(), LABELS, **ONCE), "predict", "images"
    ),
    "MultiTaskClassifier": (
        MultiTaskClassifier(filters=2),
        lambda m: m.fit(images(), {"kind": LABELS, "other": 1 - LABELS}, **ONCE), "predict",
        "images",
    ),
    "Regressor": (
        Regressor(filters=2), lambda m: m.fit(images(), 0.5 * LABELS, **ONCE), "predict", "images"
    ),
    "SymmetryClassifier": (
        SymmetryClassifier(filters=2), lambda m: m.fit_simulated(12, **ONCE), "predict", "images"
    ),
    "ImageToSpectrum": (
        ImageToSpectrum(filters=2), lambda m: m.fit(images(), spectra(), **ONCE), "predict",
        "images",
    ),
    "SpectrumToImage": (
        SpectrumToImage(filters=2), lambda m: m.fit(spectra(), images(), **ONCE), "predict",
        "spectra",
    ),
    "VAE": (VAE(hidden=8), lambda m: m.fit(images(), **ONCE), "transform", "images"),
    "VAE of turned objects": (
        VAE(hidden=8, rotation=True, translation=True, scale=True, discrete=2),
        lambda m: m.fit(images(), **ONCE), "transform", "images",
    ),
    "VAE of convolutions": (
        VAE(hidden=8, rotation=30.0, encoder="convolutional", decoder="convolutional"),
        lambda m: m.fit(images(), **ONCE), "transform", "images",
    ),
    "DeepKernelGP": (
        DeepKernelGP(hidden=(8,)), lambda m: m.fit(*_rows(), epochs=2, progress=False), "predict",
        "rows",
    ),
    "GaussianProcess of few points": (
        GaussianProcess(max_steps=3, method="inducing", inducing=5), lambda m: m.fit(*_rows()),
        "predict", "rows",
    ),
    "GaussianProcess": (
        GaussianProcess(max_steps=3), lambda m: m.fit(*_rows()), "predict", "rows"
    ),
}  # fmt: skip


def _given(kind: str) -> Any:
    if kind == "image":
        return atom_scene((40, 44), dose=30.0, rng=1)
    return {"images": images, "spectra": spectra, "rows": lambda: _rows()[0]}[kind]()


@cache
def learnt(name: str) -> Any:
    model, fit, *_ = MADE[name]
    return fit(clone(model))


def said(name: str, data: Any) -> list[np.ndarray]:
    """Return all numbers that a model says of data."""
    made = getattr(learnt(name), MADE[name][2])(data)
    if isinstance(made, xr.DataArray):
        return [made.values]
    return [each.values for each in made.data_vars.values() if each.dtype.kind == "f"]


@pytest.mark.parametrize("name", MADE)
def test_estimators_are_cloned_with_their_settings_and_without_what_they_learnt(name):
    model = learnt(name)
    other = clone(model)
    assert other.get_params() == model.get_params()
    assert not hasattr(other, "net_")
    assert model.set_params(**model.get_params()) is model
    assert type(model).__name__ in repr(model)
    with pytest.raises(ValueError, match="Invalid parameter"):
        other.set_params(colour=1)


@pytest.mark.parametrize("name", [n for n in MADE if n not in ("AtomFinder", "SymmetryClassifier")])
def test_estimators_that_have_learnt_nothing_say_so(name):
    model, _, ask, kind = MADE[name]
    with pytest.raises(NotFittedError, match="call its fit"):
        getattr(clone(model), ask)(_given(kind))


@pytest.mark.parametrize("name", MADE)
def test_models_are_the_same_from_a_file(name, tmp_path):
    model = learnt(name)
    again = load(model.save(tmp_path / "model.zip"))
    assert again.digest == model.digest
    assert again.get_params() == model.get_params()


@pytest.mark.parametrize("name", MADE)
def test_numbers_of_any_type_and_order_give_the_same(name):
    data = _given(MADE[name][3])
    wanted = said(name, data)
    values = np.asarray(data)
    others = {
        "another byte order": values.astype(values.dtype.newbyteorder(">")),
        "whole numbers": values.astype(">i2"),
        "unsigned": values.astype(np.uint16),
        "by columns": np.asfortranarray(values),
        "backwards in memory": values[::-1].copy()[::-1],
    }
    for what, other in others.items():
        given = other if isinstance(data, np.ndarray) else data.copy(data=other)
        for one, own in zip(said(name, given), wanted, strict=True):
            np.testing.assert_allclose(one, own, rtol=1e-4, atol=1e-4, err_msg=what)


@pytest.mark.parametrize("name", [n for n in MADE if MADE[n][3] != "rows"])
def test_lazy_data_give_the_same(name):
    data = _given(MADE[name][3])
    if MADE[name][3] == "image":
        data = data.expand_dims("frame")
    lazy = data.copy(data=da.from_array(data.values, chunks=(1, *data.shape[1:])))
    for one, own in zip(said(name, lazy), said(name, data), strict=True):
        np.testing.assert_allclose(one, own, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in MADE if MADE[n][3] in ("images", "spectra")])
def test_constant_data_and_missing_numbers_have_defined_answers(name):
    data = _given(MADE[name][3])
    for one in said(name, data.copy(data=np.full(data.shape, 7.0))):
        assert np.isfinite(one).all()
    holed = data.astype(np.float64)
    holed[2] = np.nan
    for one, own in zip(said(name, holed), said(name, data), strict=True):
        # Only that example is not known; labels that are drawn from NaN stay finite.
        np.testing.assert_allclose(one[:2], own[:2], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(one[3:], own[3:], rtol=1e-4, atol=1e-4)
        assert np.isnan(one[2]).all() or not np.isnan(own).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_networks_of_all_estimators_run_in_other_programs(name, tmp_path):
    # What was written is run, and its answers are compared, when it is written.
    assert export_onnx(learnt(name), tmp_path / "net.onnx").stat().st_size > 100


@pytest.mark.parametrize("name", [n for n in MADE if MADE[n][3] == "rows"])
def test_what_is_exported_of_processes_says_what_they_say(name):
    model = learnt(name)
    points = model.example_input()[0]
    with torch.no_grad():
        mean, var = model.exported()(points)
        own = model.net_(model.embedded(points))
    torch.testing.assert_close(mean, own[0], rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(var, own[1], rtol=1e-5, atol=1e-7)
