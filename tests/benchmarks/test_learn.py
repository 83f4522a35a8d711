"""Finding atoms by a network: scores over dose, in one table with what is usual."""

import resource
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import ndimage
from skimage.feature import peak_local_max

from omniscopy.atoms import find_atoms, score_positions
from omniscopy.learn import AtomFinder, Segmenter, masks_from_positions, random_patches
from omniscopy.simulate import atom_scene, true_atoms

pytestmark = pytest.mark.benchmark

PIXEL = 0.01
KINDS = (("honeycomb", 14.0), ("binary_honeycomb", 14.0), ("perovskite", 13.0), ("square", 15.0))
ASKED = {8.0: 0.995, 4.0: 0.995, 2.0: 0.985, 1.0: 0.97, 0.5: 0.93}


def scenes(dose: float, *, size: int = 256, first: int = 7000, count: int = 1):
    for seed in range(count):
        for number, (structure, apart) in enumerate(KINDS):
            yield (
                atom_scene(
                    (size, size), structure=structure, spacing=apart * PIXEL, width=2.4 * PIXEL,
                    dose=dose, vacancies=0.03, disorder=0.25 / apart, ripple=0.5,
                    rotation=17.0 + 31.0 * seed, rng=first + 10 * seed + number,
                ),
                apart,
            )  # fmt: skip


def table(places: np.ndarray) -> xr.Dataset:
    """Return positions (rows, columns) as a table, in nm."""
    return xr.Dataset({
        name: ("atom", PIXEL * places[:, axis], {"units": "nm"}) for axis, name in enumerate("yx")
    })  # fmt: skip


def laplacian(image: xr.DataArray, width: float) -> xr.Dataset:
    """Find maxima of the Laplacian of the smoothed image, for a known width, as is usual."""
    answer = -(width**2) * ndimage.gaussian_laplace(image.values.astype(float), width)
    found = peak_local_max(answer, min_distance=5, exclude_border=2)
    height = answer[tuple(found.T)]
    found = found[height > 0.25 * np.percentile(height, 95)]
    shift = np.zeros(found.shape)
    for axis in (0, 1):
        step = np.eye(2, dtype=int)[axis]
        before, at, after = (answer[tuple((found + n * step).T)] for n in (-1, 0, 1))
        shift[:, axis] = np.clip(0.5 * (before - after) / (before - 2 * at + after), -0.5, 0.5)
    return table(found + shift)


def discs(model: Segmenter, image: xr.DataArray) -> xr.Dataset:
    """Find the middles of connected pixels that a network names, as is usual."""
    label = model.predict(image)["label"].values > 0
    parts, count = ndimage.label(label)
    middles = ndimage.center_of_mass(label, parts, range(1, count + 1))
    return table(np.array(middles).reshape(-1, 2))


def scores(find: Callable[[xr.DataArray], xr.Dataset], dose: float, count: int = 1):
    """Return F1, error over the bound and calibration, averaged over scenes."""
    made = []
    for image, apart in scenes(dose, count=count):
        truth = true_atoms(image)
        found = find(image)
        if not found.sizes["atom"]:
            made.append([0.0, np.nan, np.nan])
            continue
        own = score_positions(found, truth, max_distance=0.4 * apart * PIXEL, margin=8 * PIXEL)
        made.append([float(own[name]) for name in ("f1", "rms_over_bound", "calibration")])
    return np.nanmean(made, axis=0)


def test_atoms_are_found_at_every_dose(measured):
    finder = AtomFinder()
    for dose, asked in ASKED.items():
        f1, error, calibration = scores(finder.predict, dose, count=2)
        measured(f"atoms by a network at {dose:g} counts: F1", f1, f">= {asked}")
        width = 2.4 if dose > 5 else 3.0
        usual = scores(partial(laplacian, width=width), dose, count=2)
        measured(f"Laplacian of known width at {dose:g} counts: F1", usual[0], "the usual")
        peaks = scores(find_atoms, dose, count=2)
        measured(f"find_atoms without a network at {dose:g} counts: F1", peaks[0], "ours")
        assert f1 >= asked
        if dose >= 4:
            measured(f"the same: error over Cramér and Rao, {dose:g} counts", error, "<= 1.15")
            measured(f"the Laplacian: error over Cramér and Rao, {dose:g} counts", usual[1], "-")
            measured(f"the same: true over stated error, {dose:g} counts", calibration, "1 ± 0.15")
            assert error <= 1.15
            assert calibration == pytest.approx(1.0, abs=0.15)


def test_spacings_from_6_to_40_pixels_are_found_untuned(measured):
    finder = AtomFinder()
    for apart in (6.0, 10.0, 20.0, 40.0):
        found = []
        for seed, structure in enumerate(("square", "honeycomb", "hexagonal")):
            size = int(np.clip(12 * apart, 128, 360))
            image = atom_scene(
                (size, size), structure=structure, spacing=apart * PIXEL, dose=20.0, rng=seed
            )
            own = score_positions(
                finder.predict(image), true_atoms(image), max_distance=0.4 * apart * PIXEL,
                margin=8 * PIXEL,
            )  # fmt: skip
            found.append(float(own["f1"]))
        measured(f"atoms by a network, {apart:g} pixels apart: F1", np.mean(found), ">= 0.98")
        assert np.mean(found) >= 0.98


def test_an_image_takes_half_a_second_of_one_core(measured):
    image = atom_scene((512, 512), spacing=14 * PIXEL, width=2.4 * PIXEL, dose=10.0, rng=99)
    finder = AtomFinder()
    finder.predict(image)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    took = []
    for _ in range(3):
        start = time.process_time()
        finder.predict(image)
        took.append(time.process_time() - start)
    torch.set_num_threads(threads)
    measured("512 x 512 pixels, 990 atoms, by a network and fitted: CPU s", min(took), "<= 0.5")
    start = time.process_time()
    laplacian(image, 2.4)
    measured("the Laplacian of known width: CPU s", time.process_time() - start, "-")


def test_large_images_need_bounded_memory(measured):
    image = atom_scene((4096, 4096), spacing=30 * PIXEL, width=5 * PIXEL, dose=10.0, rng=3)
    finder = AtomFinder()
    finder.predict(image[:512, :512])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = finder.predict(image, max_atoms=40_000)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    own = score_positions(found, true_atoms(image), margin=0.08)
    measured("4096 x 4096 pixels by a network: F1", float(own["f1"]), ">= 0.995")
    measured("4096 x 4096 pixels by a network: MiB more than before", grown, "<= 1500")
    assert grown <= 1500


@pytest.mark.slow
def test_discs_of_a_segmentation_net_as_others_find_atoms(measured):
    images, masks = [], []
    for dose in (50.0, 10.0, 5.0, 2.0, 1.0):
        for image, _ in scenes(dose, size=192, first=100, count=2):
            images.append(image.values / dose)
            masks.append(masks_from_positions(image, true_atoms(image), 3 * PIXEL, kind=None))
    parts = random_patches(np.stack(images), np.stack(masks), 96, count=140, rng=1)
    start = time.process_time()
    model = Segmenter(filters=16).fit(*parts, epochs=9, batch_size=8, averaging=True)
    measured("a U-Net on discs, training: CPU s", time.process_time() - start, "about 40")
    for dose in ASKED:
        f1, error, _ = scores(lambda image: discs(model, image), dose, count=2)
        measured(f"middles of discs of a U-Net at {dose:g} counts: F1", f1, "the usual")
        measured(f"the same: error over Cramér and Rao, {dose:g} counts", error, "the usual")
