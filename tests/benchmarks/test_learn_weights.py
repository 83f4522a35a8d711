"""Vacancies and noise by the weights of the package, beside what needs no learning."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage
from skimage import restoration

import omniscopy as om
from omniscopy.atoms.scores import pairs_of
from omniscopy.learn import Denoiser, load_shipped
from omniscopy.model import DataError
from omniscopy.simulate import atom_scene

pytestmark = pytest.mark.benchmark

PIXEL, SIZE, WIDTH = 0.01, 160, 2.4
KINDS = (("hexagonal", 14.0), ("honeycomb", 14.0), ("square", 13.0), ("perovskite", 13.0))
# Sites so near to the edges are not counted, in pixels: about one distance of atoms.
_MARGIN = 14.0
DOSES = (50.0, 20.0, 10.0, 5.0, 2.0)
# What is asked from so many counts on; less is not known of weak columns.
_ENOUGH, _ASKED = 10.0, 0.9


def scene(kind: str, apart: float, dose: float, rng: int, **other: object) -> xr.DataArray:
    given = {"vacancies": 0.04, "disorder": 0.02, "ripple": 0.3, "rotation": 23.0, **other}
    return atom_scene(
        (SIZE, SIZE), structure=kind, spacing=apart * PIXEL, width=WIDTH * PIXEL, dose=dose,
        rng=rng, **given,
    )  # fmt: skip


def by_network(image: xr.DataArray) -> np.ndarray:
    """Return the middles (y, x) of what is marked, in pixels."""
    share = load_shipped("defects").predict(image)["probability"].values[0]
    parts, count = ndimage.label(share > 0.5)
    middles = ndimage.center_of_mass(share, parts, range(1, count + 1))
    return np.array(middles).reshape(-1, 2)


def by_lattice(find: Callable[[xr.DataArray], xr.Dataset]) -> Callable[[xr.DataArray], np.ndarray]:
    """Return what finds sites of the lattice of atoms that have none."""

    def sites(image: xr.DataArray) -> np.ndarray:
        atoms = find(image)
        try:
            found = om.atoms.find_defects(atoms, om.atoms.find_lattice(atoms))
        except DataError:
            return np.empty((0, 2))
        found = found.isel(defect=found["kind"].values == 1)
        return np.stack([found["y"].values, found["x"].values], axis=1) / PIXEL

    return sites


def f1_of(
    find: Callable[[xr.DataArray], np.ndarray], dose: float, count: int = 3, **changed: object
) -> float:
    """Return the F1 of vacant sites of all scenes together."""
    hits = told = true = 0

    def counted(places: np.ndarray) -> np.ndarray:
        return ((places > _MARGIN) & (places < SIZE - 1 - _MARGIN)).all(axis=1)

    for seed in range(count):
        for number, (kind, apart) in enumerate(KINDS):
            given = {"rotation": 23.0 + 29.0 * seed, **changed}
            image = scene(kind, apart, dose, 500 + 10 * seed + number, **given)
            missing = image.attrs["metadata"]["truth"]["missing"]
            truth = np.array(missing, np.float64).reshape(-1, 2) / PIXEL
            found = find(image)
            one, other = pairs_of(found, truth, 0.4 * apart)
            told += int(counted(found).sum())
            true += int(counted(truth).sum())
            hits += int(counted(found[one]).sum() + counted(truth[other]).sum())
    return hits / max(told + true, 1)


def test_vacancies_are_marked_beside_sites_of_a_lattice_without_an_atom(measured):
    for dose in DOSES:
        network = f1_of(by_network, dose)
        peaks = f1_of(by_lattice(om.atoms.find_atoms), dose)
        learned = f1_of(by_lattice(om.learn.AtomFinder().predict), dose)
        what = f"vacancies at {dose:g} counts: F1"
        asked = f">= {_ASKED}" if dose >= _ENOUGH else "-"
        measured(f"{what} of the network", network, asked)
        measured(f"{what} of sites of the lattice, by find_atoms", peaks, "no network")
        measured(f"{what} of sites of the lattice, by AtomFinder", learned, "ours")
        if dose >= _ENOUGH:
            assert network >= _ASKED
    # Crystals of one lattice; of several grains, none is the lattice.
    network = f1_of(by_network, 20.0, grains=3)
    peaks = f1_of(by_lattice(om.atoms.find_atoms), 20.0, grains=3)
    what = "vacancies of three grains at 20 counts: F1"
    measured(f"{what} of the network", network, "> of sites")
    measured(f"{what} of sites of the lattice, by find_atoms", peaks, "no network")
    assert network > peaks


def best(image: np.ndarray, clean: np.ndarray, made: list[np.ndarray]) -> float:
    """Return the error of the best of several answers over that of the image."""
    before = np.sqrt(np.mean((image - clean) ** 2))
    return min(float(np.sqrt(np.mean((each - clean) ** 2))) for each in made) / before


def usual(image: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    """Return the errors of filters over the noise, each with the parameter that suits best.

    Counts are made alike by their root (Anscombe) where a filter takes noise for the same
    everywhere; the way back is that without bias.
    """
    root = 2.0 * np.sqrt(image + 0.375)

    def back(each: np.ndarray) -> np.ndarray:
        each = np.maximum(each, 1.3)
        return (
            each**2 / 4 + np.sqrt(1.5) / (4 * each) - 11 / (8 * each**2)
            + 5 * np.sqrt(1.5) / (8 * each**3) - 0.125
        )  # fmt: skip

    return {
        "Gaussian": best(
            image, clean, [ndimage.gaussian_filter(image, s) for s in (0.7, 1, 1.4, 1.8, 2.2, 2.8)]
        ),
        "non-local means": best(image, clean, [
            back(restoration.denoise_nl_means(
                root, patch_size=7, patch_distance=11, h=h, sigma=1.0, fast_mode=True
            ))
            for h in (0.4, 0.7, 1.1)
        ]),
        "total variation": best(image, clean, [
            back(restoration.denoise_tv_chambolle(root, weight=w)) for w in (0.5, 1, 1.5, 2.5, 4)
        ]),
    }  # fmt: skip


def test_noise_is_taken_away_beside_filters_that_fit_best(measured):
    model = Denoiser(method="supervised")
    for dose in (30.0, 8.0, 2.0, 0.5):
        rows: dict[str, list[float]] = {}
        for number, (kind, apart) in enumerate(KINDS):
            noisy, clean = (
                scene(kind, apart, dose, 900 + number, noise=noise) for noise in (True, False)
            )
            values, wanted = noisy.values.astype(float), clean.values.astype(float)
            own = best(values, wanted, [model.predict(noisy).values])
            for name, error in {"network": own, **usual(values, wanted)}.items():
                rows.setdefault(name, []).append(-20 * np.log10(error))
        gain = {name: float(np.mean(each)) for name, each in rows.items()}
        ours = gain.pop("network")
        first = max(gain, key=lambda name: gain[name])
        what = f"noise at {dose:g} counts: decibels gained"
        measured(f"{what} by the network", ours, f"> {gain[first]:.3g}, the best filter")
        for name, each in gain.items():
            measured(f"{what} by {name}, the parameter that suits best", each, "the usual")
        assert ours > gain[first]
