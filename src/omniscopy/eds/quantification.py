"""Compositions from the counts of lines."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from scipy import constants

from omniscopy.compute import map_signal
from omniscopy.eds.detector_models import Detector, require_detector
from omniscopy.eds.line_tables import element_coordinate, line_coordinate
from omniscopy.eds.spectra import voltage_of
from omniscopy.model import DataError, Status, labelled, operation, require_choice, result
from omniscopy.physics import xray
from omniscopy.physics.xray.quantities import (
    BulkEmission,
    bulk_correction,
    film_correction,
    fractions,
    iterated,
)
from omniscopy.physics.xray.shells import atomic_weight

Method = Literal["cliff_lorimer", "zeta", "cross_section", "phi_rho_z", "zaf"]
# kg/m² in g/cm².
_AREA = 0.1


@operation(example={"ds": "eds_lines", "factors": {"Fe_Ka": 1.45, "Pt_La": 5.08, "Ti_Ka": 1.2}})
def quantify(  # noqa: PLR0913 - options are keywords
    ds: xr.Dataset,
    method: Method = "cliff_lorimer",
    *,
    factors: Mapping[str, float] | None = None,
    factors_std: Mapping[str, float] | None = None,
    lines: Sequence[str] | None = None,
    mass_thickness: float | None = None,
    take_off_angle: float | None = None,
    electrons: float | None = None,
    solid_angle: float | None = None,
    detector: Detector | None = None,
    voltage: float | None = None,
    fluorescence: bool | None = None,
) -> xr.Dataset:
    r"""Find how much of each element there is, from the counts of its line.

    Parameters
    ----------
    ds : Dataset, shape (..., line)
        Counts of lines, as of `eds.fit_lines`: ``intensity`` and ``intensity_std``, and
        ``intensity_covariance`` where lines overlap.
    method : {"cliff_lorimer", "zeta", "cross_section", "phi_rho_z", "zaf"}
        Ratios in thin films; mass of a film; atoms of a film; bulk samples by distributions in
        depth (XPP); bulk samples by the classical corrections for atomic number and absorption.
    factors : mapping of str to float
        For each line that is used, one for each element: the k-factor; the zeta-factor in kg/m²;
        the cross-section of emission in barn, with the part of the X-rays that is counted; the
        counts of a bulk sample of the pure element at the same dose. From tables of the
        cross-sections and the efficiency of the detector otherwise.
    factors_std : mapping of str to float
        Standard deviations of `factors`, added to those of the counts.
    lines : sequence of str
        The lines that are used, where `factors` do not say: by default of each element the line
        of the highest energy that there is.
    mass_thickness : float, kg/m²
        Of a film that absorbs some of its own X-rays, for "cliff_lorimer"; the other methods for
        films use the mass that they find. Absorption is left out otherwise.
    take_off_angle : float, deg
        Between the surface and the way to the detector; needed where the sample absorbs.
    electrons : float
        Electrons that made a spectrum, for "zeta" and "cross_section".
    solid_angle : float, sr
        Of the detector, for "zeta" and "cross_section" without `factors`.
    detector : Detector
        How it is built, where `factors` are not given.
    voltage : float, V
        Of the electrons; that of the metadata otherwise.
    fluorescence : bool
        Whether lines that are excited by lines of other elements of the composition are corrected
        for: in bulk samples, unless this says otherwise, and in films of known mass if asked.

    Returns
    -------
    Dataset, shape (..., element)
        ``atomic_fraction`` and ``weight_fraction`` with their ``_std``, from the noise of counts;
        ``correction``, the factor for absorption (and fluorescence, and in bulk atomic number) of
        each line.
        For "zeta" and "cross_section" ``mass_thickness`` (...) in kg/m² and ``areal_density``
        (..., element) in 1/nm². ``status`` is 4 (no data) where counts are not finite or all 0,
        1 (max_steps) where absorption has no consistent answer: both NaN.

    Raises
    ------
    DataError
        There are no counts of a line, an element has two lines or none, or what the method needs
        is not given.

    Notes
    -----
    :math:`w_i = k_i I_i A_i / \sum_j k_j I_j A_j` [1]_, with zeta-factors
    :math:`\rho t = \sum \zeta_i I_i A_i / n` [2]_, or atoms of an area
    :math:`N_i = I_i A_i / n \sigma_i` [3]_. In films :math:`A = \chi / (1 - e^{-\chi})` with
    :math:`\chi = (\mu/\rho)\, \rho t / \sin \theta`; in bulk samples the emission of the pure
    element over that of the sample, for the same part of it [4]_. Secondary fluorescence by lines
    is integrated over depth (bulk) or over the film, for normal incidence, where it is
    :math:`T/2\, (0.923 - \ln \mu T)` of what the exciting lines could excite [5]_; that by the
    continuum is left out. Corrections are worked out anew from the composition until it stays.

    References
    ----------
    .. [1] G. Cliff, G. W. Lorimer, *J. Microsc.* 103, 203 (1975).
    .. [2] M. Watanabe, D. B. Williams, *J. Microsc.* 221, 89 (2006).
    .. [3] K. E. MacArthur et al., *Microsc. Microanal.* 22, 71 (2016).
    .. [4] J.-L. Pouchou, F. Pichoir, in *Electron Probe Quantitation*, Plenum (1991), p. 31.
    .. [5] I. M. Anderson, J. Bentley, C. B. Carter, *Ultramicroscopy* 68, 77 (1997).

    Examples
    --------
    >>> import omniscopy as om
    >>> counts = om.samples.eds_lines()
    >>> made = om.eds.quantify(counts, factors={"Fe_Ka": 1.45, "Pt_La": 5.08})
    >>> made["atomic_fraction"].dims
    ('y', 'x', 'element')
    """
    require_choice("method", method, get_args(Method))
    families = _families(ds, factors, lines)
    given = _Given(
        method, take_off_angle, electrons, solid_angle, mass_thickness, fluorescence=fluorescence
    )
    given.require(factors is None)
    known = require_detector(detector)
    volts = voltage_of(ds, voltage) if given.needs_voltage(factors is None) else 0.0
    if factors is None:
        numbers = given.computed(families, known, volts)
    else:
        numbers = _positive(factors, families)
    work = given.weighed(families, numbers)
    correction = given.correction(families, volts, numbers)
    errors = _positive(factors_std, families, zero=True) if factors_std else np.zeros(len(numbers))
    relative = errors / numbers

    def compose(counts: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, ...]:
        return _composed(counts, covariance, relative, work, correction, families)

    size = {"element": len(families)}
    counts, covariance = _counts_of(ds, families)
    found = map_signal(
        compose, counts, dim="line", also=[covariance], whole=("other_line",),
        output_dims=({}, {}, size, size, size, size, size, size, size),
        dtypes=(np.float64, np.uint8, *[np.float64] * 7),
    )  # fmt: skip
    return given.labelled(found, families)


class _Given:
    """What a method is given, and what it makes of it."""

    def __init__(
        self, method: str, angle: float | None, electrons: float | None,
        solid_angle: float | None, mass: float | None, *, fluorescence: bool | None = None,
    ) -> None:  # fmt: skip
        self.method, self.angle, self.electrons = method, angle, electrons
        self.solid_angle, self.mass = solid_angle, mass
        self.bulk = method in ("phi_rho_z", "zaf")
        self.absolute = method in ("zeta", "cross_section")
        self.fluorescence = self.bulk if fluorescence is None else bool(fluorescence)

    def require(self, computed: bool) -> None:  # noqa: FBT001
        """Raise unless there is what the method needs."""
        needed = {
            "take_off_angle": self.bulk or self.mass is not None,
            "electrons": self.absolute,
            "solid_angle": self.absolute and computed,
        }
        for name, wanted in needed.items():
            value = {"take_off_angle": self.angle}.get(name, getattr(self, name, None))
            if wanted and value is None:
                message = f"{name} must be given for {self.method!r}"
                raise DataError(message)
            if value is not None and not value > 0:
                message = f"{name} must be positive, got {value!r}"
                raise DataError(message)
        if self.angle is not None and not 0 < self.angle <= 90:
            message = f"take_off_angle must be from 0 to 90 degrees, got {self.angle!r}"
            raise DataError(message)
        if self.mass is not None and not 0 < self.mass < 0.1:
            message = (
                f"mass_thickness is in kg/m², a few 1e-4 for films of electron microscopes, "
                f"got {self.mass!r}"
            )
            raise DataError(message)
        if self.fluorescence and not self.bulk and self.angle is None:
            message = (
                "fluorescence in a film needs take_off_angle, and mass_thickness for "
                f"'cliff_lorimer', got neither for {self.method!r}"
            )
            raise DataError(message)
        if self.fluorescence and self.method == "cliff_lorimer" and self.mass is None:
            message = "fluorescence in a film needs its mass_thickness for 'cliff_lorimer'"
            raise DataError(message)
        if self.mass is not None and self.method != "cliff_lorimer":
            message = f"{self.method!r} takes no mass_thickness: it finds it, or needs none"
            raise DataError(message)

    def needs_voltage(self, computed: bool) -> bool:  # noqa: FBT001
        """Return whether the voltage matters."""
        return self.bulk or computed or self.fluorescence

    def computed(
        self, families: Sequence[xray.Family], detector: xray.Detector, voltage: float
    ) -> np.ndarray:
        """Return the factors that tables of cross-sections give."""
        barns = np.array([
            xray.emission_cross_section(family, voltage)
            * float(xray.efficiency(detector, family.energy)) for family in families
        ])  # fmt: skip
        molar = _molar(families)
        if self.method == "cliff_lorimer":
            numbers = molar / barns
            return np.asarray(numbers / numbers[0])
        if self.bulk:
            pure = BulkEmission(tuple(families), voltage, float(self.angle or 90.0),
                                fluorescence=self.fluorescence)  # fmt: skip
            return np.asarray(barns / molar * pure.of_pure())
        seen = barns * float(self.solid_angle or 0.0) / (4 * np.pi)
        return seen if self.method == "cross_section" else _zeta(molar, seen)

    def weighed(self, families: Sequence[xray.Family], numbers: np.ndarray) -> np.ndarray:
        """Return what counts are multiplied by to be masses."""
        if self.bulk:
            return 1.0 / numbers
        if self.method == "cross_section":
            return _zeta(_molar(families), numbers)
        return numbers

    def correction(
        self, families: Sequence[xray.Family], voltage: float, numbers: np.ndarray
    ) -> Any:
        """Return the correction of factors by composition, `None` for none."""
        del numbers
        if self.bulk:
            return bulk_correction(families, float(self.angle or 90.0), voltage,
                                   zaf=self.method == "zaf",
                                   fluorescence=self.fluorescence)  # fmt: skip
        if self.angle is None:
            return None
        mass = None if self.mass is None else self.mass * _AREA
        volts = voltage if self.fluorescence else None
        if self.absolute:
            return film_correction(families, self.angle, None,
                                   _AREA / float(self.electrons or 1.0), volts)  # fmt: skip
        return None if mass is None else film_correction(families, self.angle, mass, 1.0, volts)

    def labelled(self, found: Sequence[xr.DataArray], families: Sequence[xray.Family]) -> Any:
        """Return the composition with what its numbers are."""
        total, status, atoms, atoms_std, weights, weights_std, applied, parts, parts_std = found
        made = {
            "atomic_fraction": (atoms, "1"), "atomic_fraction_std": (atoms_std, "1"),
            "weight_fraction": (weights, "1"), "weight_fraction_std": (weights_std, "1"),
            "correction": (applied, "1"), "status": (status, "1"),
        }  # fmt: skip
        if self.absolute:
            electrons = float(self.electrons or 1.0)
            molar = xr.DataArray(_molar(families), dims="element")
            # Atoms of an area in 1/nm² for each kg/m².
            atoms_of = constants.Avogadro * 1e3 * 1e-18 / molar / electrons
            made["mass_thickness"] = (total / electrons, "kg/m^2")
            made["areal_density"] = (parts * atoms_of, "1/nm^2")
            made["areal_density_std"] = (parts_std * atoms_of, "1/nm^2")
        names = element_coordinate([family.element for family in families])
        return result({"method": self.method}, **made).assign_coords(
            element=names, used_line=("element", [family.name for family in families])
        )


def _composed(  # noqa: PLR0917 - kernels take their arrays one by one
    counts: np.ndarray, covariance: np.ndarray, relative: np.ndarray, work: np.ndarray,
    correction: Any, families: Sequence[xray.Family],
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return total mass, status, and fractions with deviations, the correction, and masses."""
    noise = covariance + counts[..., None] * counts[..., None, :] * np.diag(relative**2)
    if correction is None:
        found, applied = fractions(counts, noise, work), np.ones_like(counts)
    else:
        found, applied = iterated(counts, noise, work, correction)
    known = np.isfinite(counts).all(axis=-1) & (counts.sum(axis=-1) > 0)
    status = np.where(found.converged, Status.CONVERGED, Status.MAX_STEPS)
    status = np.where(known, status, Status.NO_DATA).astype(np.uint8)
    good = (status == Status.CONVERGED)[..., None]
    masses = work * applied
    atoms = fractions(counts, noise, masses / _molar(families))

    def of(values: np.ndarray) -> np.ndarray:
        return np.where(good, values, np.nan)

    def std(matrix: np.ndarray) -> np.ndarray:
        diagonal = np.diagonal(matrix, axis1=-2, axis2=-1)
        return of(np.sqrt(np.maximum(diagonal, 0.0)))

    deviation = np.sqrt(np.maximum(np.diagonal(noise, axis1=-2, axis2=-1), 0.0))
    return (
        np.where(good[..., 0], found.total, np.nan), status, of(atoms.values),
        std(atoms.covariance), of(found.values), std(found.covariance), of(applied),
        of(counts * masses), of(deviation * masses),
    )  # fmt: skip


def _families(
    ds: xr.Dataset, factors: Mapping[str, float] | None, lines: Sequence[str] | None
) -> tuple[xray.Family, ...]:
    """Return the families that are used, one of each element."""
    if (
        not isinstance(ds, xr.Dataset)
        or "intensity" not in ds
        or "line" not in ds["intensity"].dims
    ):
        message = "expected counts of lines, as of `eds.fit_lines`: a Dataset with `intensity`"
        raise DataError(message)
    known = [str(name) for name in ds["line"].values]
    names = list(factors if factors is not None else lines if lines is not None else known)
    missing = [name for name in names if name not in known]
    if missing or not names:
        message = f"there are no counts of {missing or 'any line'}; there are those of {known}"
        raise DataError(message)
    found = [xray.find_family(name) for name in names]
    if factors is None and lines is None:
        best: dict[str, xray.Family] = {}
        for family in found:
            other = best.get(family.element)
            if other is None or family.energy > other.energy:
                best[family.element] = family
        return tuple(best.values())
    elements = [family.element for family in found]
    twice = sorted({element for element in elements if elements.count(element) > 1})
    if twice:
        message = f"each element is quantified by one line; there are several of {twice}"
        raise DataError(message)
    return tuple(found)


def _positive(
    factors: Mapping[str, float] | None, families: Sequence[xray.Family], *, zero: bool = False
) -> np.ndarray:
    numbers = np.array([float((factors or {}).get(family.name, 0.0)) for family in families])
    if not (np.isfinite(numbers) & ((numbers >= 0) if zero else (numbers > 0))).all():
        message = f"factors must be positive numbers, got {dict(factors or {})}"
        raise DataError(message)
    return numbers


def _counts_of(
    ds: xr.Dataset, families: Sequence[xray.Family]
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the counts of the lines that are used, and their covariance."""
    names = [family.name for family in families]
    counts = ds["intensity"].astype(np.float64).sel(line=names)
    if "intensity_covariance" in ds:
        if not set(names) <= set(ds["other_line"].values.tolist()):
            message = "`intensity_covariance` lacks a line that there are counts of"
            raise DataError(message)
        covariance = ds["intensity_covariance"].sel(line=names, other_line=names)
        return counts, covariance.astype(np.float64)
    std = ds["intensity_std"].sel(line=names) if "intensity_std" in ds else counts**0.5
    unit = xr.DataArray(np.eye(len(names)), dims=("line", "other_line"))
    return counts, std.drop_vars("line") ** 2 * unit


def _molar(families: Sequence[xray.Family]) -> np.ndarray:
    return np.array([atomic_weight(family.element) for family in families])


def _zeta(molar: np.ndarray, barns: np.ndarray) -> np.ndarray:
    """Return zeta-factors in kg/m² of cross-sections of emission in barn."""
    return np.asarray(molar * 1e-3 / (constants.Avogadro * barns * 1e-28))


@operation(example={"ds": "eds_composition", "mass_thickness": 5e-4, "take_off_angle": 20.0})
def absorption_correction(
    ds: xr.Dataset,
    lines: Sequence[str] | None = None,
    *,
    mass_thickness: float,
    take_off_angle: float,
) -> xr.DataArray:
    r"""Return by how much lines of a film would be brighter if it did not absorb them.

    Parameters
    ----------
    ds : Dataset, shape (..., element)
        A composition, as of `eds.quantify`: ``weight_fraction``.
    lines : sequence of str
        Lines such as `"Fe_Ka"`; the lines that the composition was found by otherwise.
    mass_thickness : float, kg/m²
        Of the film.
    take_off_angle : float, deg
        Between the film and the way to the detector.

    Returns
    -------
    DataArray, shape (..., line), pure numbers
        NaN where the composition is.

    Raises
    ------
    DataError
        `ds` is no composition, a line is unknown, or a number is not positive.

    Notes
    -----
    :math:`\chi / (1 - e^{-\chi})`, :math:`\chi = (\mu/\rho)\, \rho t / \sin \theta`.

    X-rays are made evenly through the film [1]_.

    References
    ----------
    .. [1] J. I. Goldstein, J. L. Costley, G. W. Lorimer, S. J. B. Reed, *Scanning Electron
       Microscopy* 1977, vol. I, p. 315.

    Examples
    --------
    >>> import omniscopy as om
    >>> made = om.eds.absorption_correction(
    ...     om.samples.eds_composition(), ["O_Ka"], mass_thickness=5e-4, take_off_angle=20.0)
    >>> bool((made > 1).all())
    True
    """
    if not isinstance(ds, xr.Dataset) or "weight_fraction" not in ds:
        message = "expected a composition, as of `eds.quantify`: a Dataset with `weight_fraction`"
        raise DataError(message)
    given = _Given("cliff_lorimer", take_off_angle, None, None, mass_thickness)
    given.require(computed=False)
    names = [str(name) for name in (ds["used_line"].values if lines is None else lines)]
    families = [xray.find_family(name) for name in names]
    symbols = [str(symbol) for symbol in ds["element"].values]
    values = [
        float(xray.mass_absorption(symbol, family.energy))
        for symbol in symbols
        for family in families
    ]
    table = np.array(values).reshape(len(symbols), len(families))
    way = mass_thickness * _AREA / np.sin(np.deg2rad(take_off_angle))

    def correct(weights: np.ndarray) -> np.ndarray:
        return np.asarray(xray.absorption_factor(weights @ table * way))

    (made,) = map_signal(correct, ds["weight_fraction"].astype(np.float64), dim="element",
                         output_dims=({"line": len(names)},))  # fmt: skip
    return labelled(made.assign_coords(line=line_coordinate(names)), units="1",
                    long_name="Correction of absorption", quantity="absorption factor")  # fmt: skip
