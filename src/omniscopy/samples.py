"""Small labelled measurements to try things on: synthetic, seeded, with a known truth.

Each is what the function of `omniscopy.simulate` with the same name makes by default, the truth
in ``attrs["metadata"]["truth"]``; or a result of one.
"""

from typing import Any

import xarray as xr

from omniscopy import atoms, diffraction, eds, eels, image, signal, simulate, spm

__all__ = [
    "atom_cluster",
    "atom_image",
    "atom_lattice",
    "atom_positions",
    "atom_rings",
    "atom_states",
    "atom_template",
    "atom_windows",
    "band_excitation",
    "cantilever",
    "centre_positions",
    "column_intensities",
    "column_positions",
    "condensed",
    "contact_kpfm",
    "core_loss",
    "core_low_loss",
    "corner_positions",
    "current_voltage",
    "dark_pattern",
    "dead_pixels",
    "decomposition",
    "deflections",
    "defocused_4d",
    "detector_scan",
    "diffraction_4d",
    "distorted_rings",
    "domain_positions",
    "drifting_scans",
    "drifting_spectra",
    "dumbbell_positions",
    "eds_composition",
    "eds_lines",
    "eds_map",
    "events",
    "exit_wave",
    "faulty_lattice",
    "faulty_positions",
    "first_frame",
    "first_peaks",
    "first_peaks_of_taus",
    "fitted_columns",
    "folded",
    "force_creep",
    "force_curve",
    "force_map",
    "force_relaxation",
    "fourier_spots",
    "grain_table",
    "grains",
    "grainy_surface",
    "image_stack",
    "indentations",
    "line_fit",
    "loop_fit",
    "loop_oscillators",
    "loops",
    "low_loss",
    "moving_atoms",
    "nanobeam_4d",
    "nanobeam_disc_list",
    "nanobeam_discs",
    "nanobeam_lattice",
    "nanobeam_region",
    "nanobeam_strain",
    "nanobeam_template",
    "orientation_4d",
    "orientation_map",
    "pattern_library",
    "peaks",
    "perfect_cluster",
    "permittivity",
    "phase_grating_4d",
    "phase_spectra",
    "point_cloud",
    "projected_potential",
    "ptychography_4d",
    "regions",
    "relaxation",
    "ring_distortion",
    "ring_peaks",
    "ring_profile",
    "ringdown",
    "scale_calibration",
    "second_frame",
    "spectrum",
    "spectrum_image",
    "stack_shifts",
    "surface",
    "surface_mask",
    "switching_spectroscopy",
    "thermal_spectrum",
    "thon_image",
    "transient_frequencies",
    "transients",
    "turned_grains",
]


def atom_image() -> xr.DataArray:
    """Return an image of atomic columns: (y, x) in nm, counts."""
    return simulate.atom_image()


def detector_scan() -> xr.DataArray:
    """Return the signal of a beam scanned over its detector: (y, x) in mrad, counts."""
    return simulate.detector_scan()


def atom_template() -> xr.DataArray:
    """Return one cell of the columns without noise: (y, x) in nm, counts."""
    return simulate.atom_image((11, 11), origin=(0.2, 0.2), noise=False)


def atom_windows() -> xr.DataArray:
    """Return windows of the image of columns: (y, x, window_y, window_x) in nm, counts."""
    return image.sliding_windows(atom_image(), 0.8, step=0.4)


def band_excitation() -> xr.DataArray:
    """Return complex band-excitation spectra: (y, x, frequency) in nm and Hz, volts."""
    return simulate.band_excitation()


def condensed() -> xr.DataArray:
    """Return the low frequencies of the current: (y, x, frequency) in nm and Hz, nA."""
    return spm.condense(simulate.current_voltage(), signal.LowPass(5e3))


def current_voltage() -> xr.DataArray:
    """Return the current under a sinusoidal bias: (y, x, time) in nm and s, nA."""
    return simulate.current_voltage()


def cantilever() -> xr.DataArray:
    """Return the deflection of a driven cantilever whose resonance shifts: (time) in s, m."""
    return simulate.cantilever()


def decomposition() -> xr.Dataset:
    """Return three principal components of a small spectrum image, and its mean."""
    return signal.decompose(simulate.spectrum_image((8, 10)), 3, method="pca")


def dark_pattern() -> xr.DataArray:
    """Return a pattern to be subtracted from those of `diffraction_4d`."""
    return diffraction.mean_pattern(diffraction_4d())


def dead_pixels() -> xr.DataArray:
    """Return which pixels of `diffraction_4d` are dead."""
    return diffraction.find_dead_pixels(diffraction_4d())


def eds_composition() -> xr.Dataset:
    """Return the composition of the film of `eds_map`: (y, x, element)."""
    return eds.quantify(eds_lines(), lines=["Fe_Ka", "Pt_La", "Ti_Ka", "Sr_Ka", "O_Ka"])


def eds_lines() -> xr.Dataset:
    """Return the counts of the lines of `eds_map`: (y, x, line)."""
    return eds.fit_lines(eds_map(), ["Fe", "Pt", "Ti", "Sr", "O"], calibration=None)


def eds_map() -> xr.DataArray:
    """Return X-ray spectra of a film of two materials: (y, x, energy) in nm and keV, counts."""
    return simulate.eds_map()


def events() -> xr.Dataset:
    """Return the electrons of `diffraction_4d` as a list."""
    return diffraction.find_events(diffraction_4d())


def deflections() -> xr.Dataset:
    """Return the centres of mass of the patterns of a phase object."""
    return diffraction.measure_com(phase_grating_4d())


def phase_grating_4d() -> xr.DataArray:
    """Return a 4D-STEM block of an object that only changes the phase."""
    return simulate.phase_grating_4d((18, 20))


def nanobeam_4d() -> xr.DataArray:
    """Return patterns of a crystal with a strained half: (y, x, ky, kx), counts."""
    return simulate.nanobeam_4d(
        (3, 4), (40, 44), pixel=0.36, radius=1.2, g=((3.6, 0.3), (-0.3, 3.9)), reach=1
    )


def nanobeam_template() -> xr.DataArray:
    """Return what discs of `nanobeam_4d` look like."""
    return diffraction.make_template(nanobeam_4d(), radius=1.2)


def nanobeam_discs() -> xr.Dataset:
    """Return the discs of `nanobeam_4d`."""
    return diffraction.find_discs(nanobeam_4d(), nanobeam_template(), max_discs=12)


def nanobeam_disc_list() -> xr.Dataset:
    """Return the discs of `nanobeam_4d` as a list: (disc)."""
    return diffraction.to_disc_list(nanobeam_discs())


def nanobeam_lattice() -> xr.Dataset:
    """Return the lattices of the discs of `nanobeam_4d`."""
    return diffraction.fit_lattice(nanobeam_discs())


def orientation_4d() -> xr.DataArray:
    """Return patterns of aluminium in orientations of chance: (y, x, ky, kx), counts."""
    return simulate.orientation_4d("Al", (2, 3), (32, 30), pixel=1.1, width=1.0)


def orientation_map() -> xr.Dataset:
    """Return the orientations of `orientation_4d`."""
    return diffraction.match_orientation(orientation_4d(), pattern_library())


def pattern_library() -> xr.Dataset:
    """Return spots of aluminium in orientations 8 degrees apart: (orientation, spot)."""
    return simulate.pattern_library("Al", voltage=200e3, step=8.0)


def defocused_4d() -> xr.DataArray:
    """Return a 4D-STEM block of an object that does not repeat, far out of focus."""
    return simulate.ptychography_4d(
        (18, 20), 24, sampling=0.08, pixel=0.8, phase=0.2, aberrations={"defocus": 120.0}
    )


def ptychography_4d() -> xr.DataArray:
    """Return a 4D-STEM block of an object that does not repeat, and a probe out of focus."""
    return simulate.ptychography_4d((5, 6), 24, pixel=1.0, aberrations={"defocus": 40.0})


def nanobeam_strain() -> xr.Dataset:
    """Return the strain of `nanobeam_lattice`."""
    return diffraction.measure_strain(nanobeam_lattice(), {"x": slice(0.0, 2.0)})


def nanobeam_region() -> xr.DataArray:
    """Return a part of the scan of `nanobeam_4d`: (y, x) in nm, not 0 inside."""
    strain = nanobeam_strain()["strain_xx"]
    return signal.label_regions(strain, {"particle": {"x": (1.0, None)}})


def ring_profile() -> xr.DataArray:
    """Return the radial profile of `distorted_rings`: (k) in 1/nm."""
    return diffraction.radial_profile(distorted_rings(), centre=(0.23, -0.31))


def perfect_cluster() -> xr.Dataset:
    """Return where the atoms of `atom_cluster` would be: (atom) in nm."""
    return simulate.atom_positions("square", spacing=0.3, extent=(0.7, 1.0), noise=0.0)


def ring_peaks() -> xr.Dataset:
    """Return the rings of `ring_profile`."""
    return signal.find_peaks(ring_profile(), noise="poisson")


def diffraction_4d() -> xr.DataArray:
    """Return a diffraction pattern for each point: (y, x, ky, kx) in nm and 1/nm, counts."""
    return simulate.diffraction_4d()


def first_frame() -> xr.DataArray:
    """Return the first of two images of the same columns: (y, x) in nm, counts."""
    return simulate.atom_image((96, 100), rng=1)


def first_peaks() -> xr.Dataset:
    """Return what the transients say of the sample: (y, x) in nm, times and frequencies."""
    return spm.fit_first_peak(transient_frequencies())


def first_peaks_of_taus() -> xr.Dataset:
    """Return the same of simulated cantilevers on samples of several times: (tau) in s."""
    made = simulate.cantilever(
        tau=[3e-6, 6e-6, 1.2e-5, 2.5e-5, 5e-5, 1e-4], resonance_frequency=60e3,
        quality_factor=60.0, spring_constant=2.0, force=1e-11, frequency_shift=-80.0,
        trigger=2e-4, duration=1e-3, sampling_rate=1e6,
    )  # fmt: skip
    followed = spm.instantaneous_frequency(made, trigger=2e-4, drive_frequency=60e3, step=5)
    return spm.fit_first_peak(followed)


def folded() -> xr.DataArray:
    """Return the core losses of two phases as a list: (point, energy_loss) in eV, counts."""
    return signal.fold(simulate.spectrum_image((8, 10)))


def distorted_rings() -> xr.DataArray:
    """Return a pattern of rings that are ellipses: (ky, kx) in 1/nm, counts."""
    return simulate.distorted_rings()


def drifting_scans() -> xr.DataArray:
    """Return scans of a drifting specimen in two directions: (frame, y, x) in nm, counts."""
    return simulate.drifting_scans()


def drifting_spectra() -> xr.DataArray:
    """Return spectra of light whose lines drift: (frame, energy) in eV, counts."""
    return simulate.drifting_spectra()


def fourier_spots() -> xr.Dataset:
    """Return the spots in the spectrum of the image of columns: (peak) with ky and kx in 1/nm."""
    return image.find_fourier_spots(atom_image())


def grain_table() -> xr.Dataset:
    """Return the measures of the particles of the grainy surface: (grain)."""
    return image.measure_grains(grainy_surface(), grains())


def grains() -> xr.DataArray:
    """Return the particles of the grainy surface, numbered: (y, x) in nm."""
    return image.find_grains(grainy_surface(), threshold=1.0)


def grainy_surface() -> xr.DataArray:
    """Return the topography of particles on a plane: (y, x) in nm, heights in nm."""
    return simulate.grainy_surface()


def force_creep() -> xr.DataArray:
    """Return the force on a tip that goes ever deeper: (time) in s with indentation in nm, nN."""
    return simulate.force_creep()


def force_curve() -> xr.DataArray:
    """Return approach and retract of a force curve that sticks: (time) with z in nm, nN."""
    return simulate.force_curve()


def force_map() -> xr.DataArray:
    """Return the approaches of a map of force curves: (y, x, time) with z in nm, nN."""
    return simulate.force_map()


def force_relaxation() -> xr.DataArray:
    """Return the force on a tip that is held in a soft solid: (time) in s, nN."""
    return simulate.force_relaxation()


def image_stack() -> xr.DataArray:
    """Return images of drifting particles: (frame, y, x) in nm, counts."""
    return simulate.image_stack()


def indentations() -> xr.DataArray:
    """Return forces against the depth of the tip: (y, x, time) with indentation in nm, nN."""
    return spm.to_separation(
        spm.fit_baseline(simulate.force_map())["corrected"], spring_constant=0.05
    )


def line_fit() -> xr.Dataset:
    """Return a line on a decay, fitted to every point of the spectrum image."""
    return signal.fit_model(simulate.spectrum_image(), signal.Gaussian() + signal.Exponential())


def contact_kpfm() -> xr.DataArray:
    """Return responses at biases of writing and reading: (y, x, write_bias, read_bias), V."""
    return simulate.contact_kpfm()


def loop_fit() -> xr.Dataset:
    """Return the nine parameters of hysteresis loops, fitted to every point."""
    return spm.fit_loops(loops())


def loop_oscillators() -> xr.Dataset:
    """Return the contact resonance along hysteresis loops: (y, x, bias) in nm and V."""
    return simulate.switching_maps()


def loops() -> xr.Dataset:
    """Return the responses of hysteresis loops: (y, x, bias) in nm and V."""
    return spm.project_loops(loop_oscillators())


def relaxation() -> xr.DataArray:
    """Return relaxing responses of a surface: (y, x, time) in nm and s, V."""
    return simulate.relaxation()


def switching_spectroscopy() -> xr.DataArray:
    """Return band-excitation spectra along loops: (y, x, bias, frequency) in nm, V and Hz, V."""
    return simulate.switching_spectroscopy()


def peaks() -> xr.Dataset:
    """Return the peaks of the spectrum: where they are, how high and how wide."""
    return signal.find_peaks(simulate.spectrum(), noise="poisson")


def permittivity() -> xr.Dataset:
    """Return the permittivity of a metal with interband transitions: (energy_loss) in eV."""
    return eels.simulate_permittivity([(225.0, 0.0, 1.0), (30.0, 6.0, 2.0)], dispersion=0.4,
                                      start=0.4, channels=60)  # fmt: skip


def phase_spectra() -> xr.DataArray:
    """Return the core losses of two phases without noise: (component, energy_loss), counts."""
    return simulate.phase_spectra()


def point_cloud() -> xr.DataArray:
    """Return a surface potential along a spiral: (point) with x and y in nm, volts."""
    return simulate.point_cloud()


def regions() -> xr.DataArray:
    """Return a map of two regions of the spectrum image: (y, x) in nm, numbers from 1 on."""
    windows: dict[str, Any] = {"left": {"x": (None, 3.0)}, "right": {"x": (6.0, None)}}
    return signal.label_regions(simulate.spectrum_image(), windows)


def ring_distortion() -> xr.Dataset:
    """Return the distortion of these rings: middle, radius, cosine and sine of each order."""
    return image.measure_distortion(distorted_rings(), (3.0, 5.0))


def ringdown() -> xr.DataArray:
    """Return amplitudes after a drive has ended: (y, x, time) in nm and s, m."""
    return simulate.ringdown()


def scale_calibration() -> xr.Dataset:
    """Return scales that the image of columns would have if its lattice constant were 0.4 nm."""
    return image.fit_calibration(fourier_spots(), 0.4)


def second_frame() -> xr.DataArray:
    """Return the second of two images of the same columns: (y, x) in nm, counts."""
    return simulate.atom_image((96, 100), rng=2)


def spectrum() -> xr.DataArray:
    """Return a spectrum of light with three lines: (energy) in eV, counts."""
    return simulate.spectrum()


def spectrum_image() -> xr.DataArray:
    """Return core losses of two phases: (y, x, energy_loss) in nm and eV, counts."""
    return simulate.spectrum_image()


def stack_shifts() -> xr.Dataset:
    """Return how far the frames of the stack of images are shifted: (frame), nm."""
    return image.register(image_stack())[["shift_y", "shift_x"]]


def surface() -> xr.DataArray:
    """Return the topography of rough terraces: (y, x) in nm, heights in nm."""
    return simulate.surface()


def surface_mask() -> xr.DataArray:
    """Return where the surface is high: (y, x) in nm, true and false."""
    return image.mask_by_threshold(surface(), 1.2)


def projected_potential() -> xr.DataArray:
    """Return slices of the potential of silicon: (z, y, x) in Å, V Å."""
    return simulate.potential("Si", sampling=0.1, debye_waller=0.5, precision="double")


def exit_wave() -> xr.DataArray:
    """Return the wave behind a cell of silicon: (y, x) in Å, complex."""
    return simulate.multislice(projected_potential(), voltage=200e3)


def thon_image() -> xr.DataArray:
    """Return an image of an amorphous film, out of focus and astigmatic: (y, x) in Å."""
    film = simulate.amorphous_film((96, 112), sampling=1.2)
    lens = {"Cs": 1e7, "defocus": 4000.0, "astigmatism": 400.0, "astigmatism_angle": 25.0}
    return simulate.tem_image(film, voltage=200e3, aberrations=lens)


def transient_frequencies() -> xr.Dataset:
    """Return frequencies and amplitudes of the transients: (y, x, time) in nm and s, Hz and m."""
    return spm.instantaneous_frequency(transients(), trigger=2e-4, drive_frequency=60e3, step=5)


def transients() -> xr.DataArray:
    """Return deflections after a change that is slower along x: (y, x, time) in nm and s, m."""
    return simulate.transients()


def thermal_spectrum() -> xr.DataArray:
    """Return the thermal motion of a cantilever: (frequency) in Hz, power density in m²/Hz."""
    return simulate.thermal_spectrum()


def atom_cluster() -> xr.Dataset:
    """Return a few atoms of a crystal: (atom) in nm."""
    return simulate.atom_positions("square", spacing=0.3, extent=(0.7, 1.0), noise=0.01)


def atom_lattice() -> xr.Dataset:
    """Return the lattice of `atom_positions`: its vectors in nm."""
    return simulate.crystal_lattice()


def atom_positions() -> xr.Dataset:
    """Return measured positions of atoms of a perovskite: (atom) in nm."""
    return simulate.atom_positions(extent=(2.6, 3.0), noise=0.004)


def atom_rings() -> xr.Dataset:
    """Return the rings of the bonds of `atom_positions`: (ring, corner) in nm."""
    return atoms.find_rings(atom_positions())


def atom_states() -> xr.DataArray:
    """Return the states of atoms along their trajectories: (track, frame)."""
    return atoms.link_trajectories(simulate.moving_atoms())["state"]


def centre_positions() -> xr.Dataset:
    """Return the displaced atoms in the cells of a perovskite: (atom) in nm."""
    return simulate.atom_positions(extent=(2.6, 3.0), displacement=(0.0, 0.02), only=1, noise=0.002)


def column_intensities() -> xr.DataArray:
    """Return the intensities of columns of one to three atoms: (atom)."""
    return atoms.measure_volumes(simulate.fitted_columns())["intensity"]


def column_positions() -> xr.Dataset:
    """Return where the columns of the image of atoms are: (atom) in nm."""
    return simulate.lattice_points()


def core_loss() -> xr.DataArray:
    """Return core losses of an oxide of titanium: (y, x, energy_loss) in nm and eV, counts."""
    return eels.simulate_spectrum(
        {"Ti": 800.0, "O": 1600.0}, occupation=simulate.phase_map((3, 4)), start=390.0,
        dispersion=1.0, channels=260, electrons=4e8, background=4e4,
    )  # fmt: skip


def core_low_loss() -> xr.DataArray:
    """Return the low loss of `core_loss`, the same everywhere: (energy_loss) in eV, counts."""
    return eels.simulate_spectrum(start=-20.0, dispersion=1.0, channels=340, electrons=4e8)


def corner_positions() -> xr.Dataset:
    """Return the atoms around the cells of a perovskite: (atom) in nm."""
    return simulate.atom_positions(extent=(2.6, 3.0), only=0, noise=0.002)


def domain_positions() -> xr.Dataset:
    """Return atoms of two grains side by side: (atom) in nm."""
    return simulate.bicrystal(extent=(3.0, 4.0), noise=0.004)


def dumbbell_positions() -> xr.Dataset:
    """Return the atoms of silicon along [110]: (atom) in nm."""
    return simulate.atom_positions("dumbbell", spacing=0.543, extent=(2.6, 3.0), noise=0.003)


def faulty_lattice() -> xr.Dataset:
    """Return the lattice of `faulty_positions`: its vectors in nm."""
    return simulate.crystal_lattice("square")


def faulty_positions() -> xr.Dataset:
    """Return atoms of a crystal with vacancies and an interstitial: (atom) in nm."""
    return simulate.atom_positions("square", vacancies=2, interstitials=1, noise=0.004)


def fitted_columns() -> xr.Dataset:
    """Return the fits of columns of one to three atoms: (atom) in nm, counts."""
    return simulate.fitted_columns()


def low_loss() -> xr.DataArray:
    """Return low losses of a wedge: (y, x, energy_loss) in nm and eV, counts."""
    wedge = simulate.phase_map((3, 4))
    return eels.simulate_spectrum(
        start=-15.0, dispersion=0.25, channels=400, t_over_lambda=wedge, zero_loss_shift=wedge
    )  # fmt: skip


def moving_atoms() -> xr.Dataset:
    """Return atoms that walk from frame to frame: (frame, atom) in nm."""
    return simulate.moving_atoms(extent=(1.2, 1.6))


def turned_grains() -> xr.DataArray:
    """Return the grainy surface turned by 40 degrees: (y, x) in nm, heights in nm."""
    return image.rotate(grainy_surface(), 40.0, expand=False)


def __dir__() -> list[str]:
    """Return the samples alone, without what makes them."""
    return sorted(__all__)
