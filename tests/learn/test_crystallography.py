"""What is done with images of crystals again and again."""

from collections.abc import Iterator

import numpy as np
import pytest
import xarray as xr

from omniscopy.atoms import find_dopants, fit_structure
from omniscopy.learn import (
    Segmenter,
    ferroic_blocks,
    find_regions,
    formulas,
    load_shipped,
    mark_defects,
    random_patches,
    shipped_models,
)
from omniscopy.model import DataError
from omniscopy.simulate import atom_positions, atom_scene

PIXEL = 0.01


def test_marks_are_where_the_lattice_is_broken():
    image = atom_scene(
        (128, 128), structure="hexagonal", spacing=0.12, dose=200.0, vacancies=0.0, disorder=0.0,
        ripple=0.0, rng=2,
    )  # fmt: skip
    broken = image.copy(deep=True)
    y, x = np.mgrid[:128, :128]
    broken += 150.0 * np.exp(-((y - 40.0) ** 2 + (x - 85.0) ** 2) / (2 * 3.0**2))
    marks = mark_defects(broken, share=0.005)
    assert marks.values.mean() == pytest.approx(0.005 * 112**2 / 128**2, rel=0.1)
    rows, columns = np.nonzero(marks.values)
    assert (np.hypot(rows - 40, columns - 85) < 12).mean() > 0.9
    pictures, labels = random_patches(broken, marks, 32, count=8)
    assert Segmenter(filters=2).fit(pictures, labels, epochs=1, progress=False).history_ is not None
    with pytest.raises(DataError, match="share must be"):
        mark_defects(image, share=2.0)


def test_regions_of_other_lattices_are_told_without_learning():
    left, right = (
        atom_scene((96, 96), structure=kind, spacing=apart, dose=100.0, rng=3)
        for kind, apart in (("hexagonal", 0.10), ("square", 0.14))
    )
    image = left.copy(data=np.concatenate([left.values[:, :48], right.values[:, :48]], axis=1))
    found = find_regions(image, 2, 0.3, step=0.06)["label"].values
    columns = found.shape[1]
    one, other = found[:, : columns // 3], found[:, -(columns // 3) :]
    values = [np.bincount(each.ravel().astype(int), minlength=2) for each in (one, other)]
    assert values[0].argmax() != values[1].argmax()
    assert min(each.max() / each.sum() for each in values) > 0.9


def test_blocks_of_a_perovskite_are_cut_about_its_corners():
    image = atom_scene((160, 160), structure="perovskite", spacing=0.2, dose=100.0, rng=1,
                       rotation=0.0, vacancies=0.0)  # fmt: skip
    blocks, polarization = ferroic_blocks(image, 0.2)
    assert blocks.sizes["atom"] > 20
    middle = blocks.isel({dim: blocks.sizes[dim] // 2 for dim in blocks.dims if dim != "atom"})
    # The brightest columns are in the middle of blocks.
    assert float(middle.median()) > 0.6 * float(image.max())
    assert polarization.sizes["atom"] > 20
    with pytest.raises(DataError, match="two are needed"):
        ferroic_blocks(atom_scene((96, 96), structure="square", spacing=0.2, rng=1), 0.2)


def test_formulas_say_what_defects_are_made_of():
    atoms = atom_positions("honeycomb", extent=(3.0, 3.0))
    away = np.hypot(atoms["y"] - 1.5, atoms["x"] - 1.5)
    atoms["kind"] = (away == away.min()).astype(int)
    found = find_dopants(atoms)
    assert formulas(found) == ["Si1C3"]
    assert formulas(found, {0: "B", 1: "Fe"}) == ["Fe1B3"]
    with pytest.raises(DataError, match="find_dopants"):
        formulas(atoms)


def library(shared) -> Iterator[tuple[str, xr.Dataset]]:
    """Give the formula and the atoms, in nm, of defects that people have named."""
    import h5py

    for path in sorted((shared / "data/atoms/si_graphene_library").glob("*/*.hdf5")):
        with h5py.File(path) as file:
            image = file["nn_input"]
            pixel = 1e-3 * float(image.attrs["scan size"]) / image.shape[1]
            for name in file:
                if name.startswith("defect_coord"):
                    rows = file[name][()]
                    at = np.array([[float(row[1]), float(row[0])] for row in rows]) * pixel
                    kind = np.array([int(row[2] == b"Si") for row in rows])
                    table = {d: ("atom", at[:, n], {"units": "nm"}) for n, d in enumerate("yx")}
                    yield path.parent.name, xr.Dataset({**table, "kind": ("atom", kind)})


@pytest.mark.shared
def test_defects_of_a_library_have_the_formulas_that_people_gave_them(shared):
    told, other = 0, []
    for formula, atoms in library(shared):
        found = formulas(find_dopants(atoms, max_length=0.21, max_dopant_length=0.25))
        told += 1
        if found != [formula]:
            other.append((formula, found))
    assert told == 37
    # Scales of images are known to a twentieth: bonds at the limit are cut.
    assert len(other) <= 3
    assert all(formula.startswith("Si2") for formula, _ in other)


@pytest.mark.shared
@pytest.mark.parametrize(("formula", "bonds", "length"), [("Si1C3", 3, 0.155), ("Si1C4", 4, 0.188)])
def test_defects_of_a_library_are_those_of_ideal_structures_but_for_strain(
    shared, formula, bonds, length
):
    turn = 2 * np.pi * np.arange(bonds) / bonds
    ideal = length * np.concatenate([[[0, 0]], np.stack([np.sin(turn), np.cos(turn)], 1)])
    reference = xr.Dataset({
        **{d: ("atom", ideal[:, n], {"units": "nm"}) for n, d in enumerate("yx")},
        "kind": ("atom", (np.arange(bonds + 1) == 0).astype(int)),
    })  # fmt: skip
    seen = 0
    for name, atoms in library(shared):
        if name != formula:
            continue
        found = fit_structure(atoms, reference)
        assert int(found["partners"]) == bonds + 1
        # The dopant is the dopant.
        assert int(found["partner"].values[atoms["kind"].values == 1][0]) == 0
        assert float(found["residual"]) < 0.15 * length
        strain = [float(found[f"strain_{each}"]) for each in ("yy", "xx")]
        assert np.mean(np.abs(strain)) < 0.2
        seen += 1
    assert seen >= 9


@pytest.mark.skipif("defects" not in shipped_models(), reason="no such weights in the package")
def test_vacancies_are_marked_with_the_weights_of_the_package():
    from scipy.ndimage import label

    net = load_shipped("defects")
    hits = told = true = 0
    for seed in range(3):
        image = atom_scene(
            (160, 160), structure="hexagonal", spacing=0.13, width=0.024, dose=40.0, rng=seed,
            vacancies=0.03,
        )  # fmt: skip
        places = np.array(image.attrs["metadata"]["truth"]["missing"]).reshape(-1, 2) / PIXEL
        inside = ((places > 8) & (places < 151)).all(axis=1)
        parts, count = label(net.predict(image)["label"].values > 0)
        at = np.rint(places[inside]).astype(int)
        seen = parts[at[:, 0], at[:, 1]]
        hits += len(np.unique(seen[seen > 0]))
        told, true = told + count, true + int(inside.sum())
    assert hits / true > 0.9
    assert hits / told > 0.8
