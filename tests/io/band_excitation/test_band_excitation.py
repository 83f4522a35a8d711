"""Folders of the band-excitation system: made by hand, and the synthetic set."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.band_excitation.waveforms import triangle
from omniscopy.testing.files import band_excitation as encoder
from omniscopy.testing.files.matlab import write_mat

rng = np.random.default_rng(2)


def spectra(*shape):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def test_spectra_are_at_their_point_step_and_bin(tmp_path):
    values = spectra(3, 2, 8, 5)
    parameters = encoder.encode_parameters((3, 2), steps=8, offset=0.5)
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": values}, parameters)
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "bias", "frequency")
    np.testing.assert_array_equal(data, values)
    np.testing.assert_allclose(data["bias"], [0.5, 4.5, 8.5, 4.5, 0.5, -3.5, -7.5, -3.5])
    np.testing.assert_allclose(data["frequency"], np.linspace(326e3, 374e3, 5))
    assert (data["frequency"].attrs["units"], data.attrs["units"]) == ("Hz", "V")
    metadata = data.attrs["metadata"]
    assert metadata["title"] == "sample_0001"
    assert metadata["probe"]["drive_amplitude"] == 1.5
    assert data.attrs["original_metadata"]["VS"]["mode"] == "DC modulation mode"
    assert data.attrs["original_metadata"]["IO"]["rate_[Hz]"] == 4e6
    np.testing.assert_array_equal(data[1:, 1, ::3, 2], values[1:, 1, ::3, 2])


def test_the_folder_and_each_of_its_files_are_the_data_set(tmp_path):
    values = spectra(2, 2, 4, 3)
    parameters = encoder.encode_parameters((2, 2), steps=4)
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": values}, parameters)
    for place in (tmp_path, path, *tmp_path.glob("*.dat")):
        assert om.io.identify(place) == "band_excitation"
        np.testing.assert_array_equal(om.open_signal(place), values)


def test_both_fields_are_told_apart(tmp_path):
    read, write = spectra(2, 3, 4, 5), spectra(2, 3, 4, 5)
    parameters = encoder.encode_parameters((2, 3), steps=4)
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": read, "write": write}, parameters)
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "field", "bias", "frequency")
    np.testing.assert_array_equal(data.sel(field="out-of-field"), read)
    np.testing.assert_array_equal(data.sel(field="in-field"), write)
    np.testing.assert_array_equal(data[0, 1:, 1, :, 2], write[0, 1:, :, 2])


def test_reversal_curves_have_biases_of_their_own(tmp_path):
    values = spectra(1, 2, 3, 2, 4, 5)
    parameters = encoder.encode_parameters((1, 2), steps=4, forc=3, cycles=2)
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": values}, parameters)
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "forc", "cycle", "bias_step", "frequency")
    np.testing.assert_array_equal(data, values)
    # Ends from 1 to 9 V and from -1 to -5 V.
    expected = [[0, 1, 0, -1], [1, 5, 1, -3], [2, 9, 2, -5]]
    np.testing.assert_allclose(data["bias"], expected)


def test_a_line_without_spectroscopy_has_no_steps(tmp_path):
    values = spectra(2, 3, 7)
    path = encoder.write_odf(
        tmp_path / "s_parms.txt", {"read": values}, encoder.encode_parameters((2, 3))
    )
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "frequency")
    np.testing.assert_array_equal(data, values)


def test_frequencies_and_excitation_come_from_the_second_file_of_parameters(tmp_path):
    values = spectra(2, 3, 4)
    path = encoder.write_odf(
        tmp_path / "s_parms.txt", {"read": values}, encoder.encode_parameters((2, 3))
    )
    wave = spectra(1, 20).astype(complex)
    band = np.array([3e5, 3.1e5, 3.3e5, 3.4e5])
    write_mat(
        tmp_path / "s_more_parms.mat",
        {"BE_bin_ind": np.array([5.0, 6, 8, 9]), "BE_bin_w": band, "FFT_BE_wave": wave},
        packed=True,
    )
    tree = om.open(path)
    np.testing.assert_array_equal(tree["Band_excitation"]["frequency"], band)
    found = tree["Band_excitation"]["excitation"].values
    np.testing.assert_allclose(found, np.conj(wave[0, [4, 5, 7, 8]]))


def test_a_relaxation_has_its_bins_first(tmp_path):
    values = spectra(2, 2, 5, 4, 3)
    parameters = encoder.encode_parameters((2, 2), bins=5, steps=4)
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": values}, parameters)
    data = om.open_signal(path, repeats=3)
    assert data.dims == ("y", "x", "bias", "frame", "frequency")
    np.testing.assert_array_equal(data, values.transpose(0, 1, 3, 4, 2))


def test_the_current_at_the_second_input_is_a_channel(tmp_path):
    values = spectra(2, 2, 4, 3)
    parameters = encoder.encode_parameters((2, 2), steps=4)
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": values}, parameters)
    current = rng.standard_normal((2, 2, 4)).astype("<f4")
    (tmp_path / "s_read_AI2.dat").write_bytes(current.tobytes())
    data = om.open_signal(path, "Current_out_of_field")
    np.testing.assert_array_equal(data, current)
    assert data.attrs["units"] == "nA"


def test_a_scan_that_was_not_finished_is_filled(tmp_path):
    values = spectra(3, 2, 4, 5)
    parameters = encoder.encode_parameters((3, 2), bins=5, steps=4)
    part = values.reshape(6, 4, 5)[:4]
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": part}, parameters)
    data = om.open_signal(path)
    np.testing.assert_array_equal(data[:2], values[:2])
    assert np.isnan(data[2]).all()
    assert data.attrs["incomplete"]["missing_from"] == 4
    for each in tmp_path.glob("*.dat"):
        each.write_bytes(each.read_bytes()[:-8])
    with pytest.raises(om.FormatError, match="bytes into point 3; it is cut short"):
        om.open(path)
    assert om.open_signal(path, partial=True).attrs["incomplete"]["missing_from"] == 3
    # The last point alone is often lost; that is no reason to refuse.
    part = values.reshape(6, 4, 5)[:5]
    unknown = encoder.encode_parameters((3, 2), steps=4)
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": part}, unknown)
    data = om.open_signal(path)
    assert data.attrs["incomplete"]["missing_from"] == 5
    np.testing.assert_array_equal(data[2, 0], values[2, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("# rows : 2", "# rows : two"), "a number was expected for 'num_rows'"),
        (("# rows : 2\n", ""), "got 'nothing'"),
        (("steps per full cycle : 4", "steps per full cycle : 999999999"), "steps are said"),
        (("cycle fraction : full", "cycle fraction : most"), "a part of a cycle was expected"),
        (("# rows : 2", "# rows : 7"), "the bins of a spectrum are nowhere said"),
        (("band edge trim", "bins per band : 2\nband edge trim"), "more than the"),
    ],
)
def test_parameters_that_contradict_the_data_are_named(tmp_path, change, message):
    parameters = encoder.encode_parameters((2, 2), steps=4).replace(*change)
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": spectra(2, 2, 4, 3)}, parameters)
    with pytest.raises(om.FormatError, match=message):
        om.open(path)


def test_missing_files_are_named(tmp_path):
    parameters = encoder.encode_parameters((2, 2), steps=4)
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": spectra(2, 2, 4, 3)}, parameters)
    (tmp_path / "sample_read_imag.dat").unlink()
    with pytest.raises(
        om.FormatError, match="the imag part of the out-of-field spectra is missing"
    ):
        om.open(path)
    (tmp_path / "sample_read_real.dat").unlink()
    with pytest.raises(om.FormatError, match="there are parameters, but no spectra"):
        om.open(path)


def test_two_data_sets_in_a_folder_are_refused(tmp_path):
    parameters = encoder.encode_parameters((2, 2), steps=4)
    path = encoder.write_odf(tmp_path / "s_parms.txt", {"read": spectra(2, 2, 4, 3)}, parameters)
    (tmp_path / "other_real.dat").write_bytes(bytes(16))
    with pytest.raises(om.FormatError, match="keep one data set in a folder"):
        om.open(path)


def test_a_triangle_may_be_a_part_of_a_cycle():
    np.testing.assert_allclose(triangle(8), [0, 0.5, 1, 0.5, 0, -0.5, -1, -0.5])
    np.testing.assert_allclose(triangle(8, 0.5), [0, 0.5, 1, 0.5])
    np.testing.assert_allclose(triangle(8, 1.0, 0.25), [-1, -0.5, 0, 0.5, 1, 0.5, 0, -0.5])


BIAS, BAND = np.array([0.0, 3.0, 0.0, -3.0]), np.linspace(3e5, 3.5e5, 5).astype(np.float32)


def new_folder(folder, values, **options):
    folder = folder / "newdataformat"
    folder.mkdir(exist_ok=True)
    parameters = encoder.encode_parameters(values.shape[:2], steps=4)
    return encoder.write_ndf(
        folder / "s_parms.txt", values, parameters, bias=BIAS, frequency=BAND, **options
    )


def test_records_of_the_new_format_are_at_their_place(tmp_path):
    values = spectra(3, 2, 4, 5)
    path = new_folder(tmp_path, values)
    new_folder(tmp_path, values * 2, wave=-1, name="sample_1_r1.dat")
    tree = om.open(tmp_path)
    data = tree["Excitation_1"]["signal"]
    assert data.dims == ("y", "x", "bias", "frequency")
    np.testing.assert_array_equal(data, values)
    np.testing.assert_array_equal(tree["Excitation_1_reversed"]["signal"], values * 2)
    np.testing.assert_allclose(data["bias"], BIAS)
    np.testing.assert_allclose(data["frequency"], BAND)
    np.testing.assert_allclose(data["y"], [0, 0.5, 1.0], atol=1e-6)
    np.testing.assert_allclose(data["x"], [0, 0.25], atol=1e-6)
    assert data["y"].attrs["units"] == "um"
    np.testing.assert_allclose(tree["Excitation_1"]["excitation"], 0.25 - 0.5j)
    again = om.open(path)["Excitation_1"]["signal"]
    np.testing.assert_array_equal(again[1, 1, ::2, 3], values[1, 1, ::2, 3])
    assert complex(again[1, 1, 2, 3]) == values[1, 1, 2, 3]


def test_records_tell_noise_deflection_and_amplitude_of_each_step(tmp_path):
    path = new_folder(tmp_path, spectra(3, 2, 4, 5))
    tree = om.open(path)["Excitation_1"]
    np.testing.assert_allclose(tree["noise_floor_inter_bin_band"][2, 1], 2e-3 * 6, rtol=1e-6)
    np.testing.assert_allclose(tree["noise_floor_sub_band"][0, 1, 2], 3e-3 * 2, rtol=1e-6)
    np.testing.assert_allclose(tree["deflection"][1, :, 0], [2.1, 3.1], rtol=1e-6)
    np.testing.assert_allclose(tree["signal"]["ac_amplitude"], 1.5)


def write_records(folder, records):
    folder = folder / "newdataformat"
    folder.mkdir(exist_ok=True)
    path = folder / "s_parms.txt"
    path.write_text(encoder.encode_parameters((2, 3), steps=4))
    (folder / "sample_1_1.dat").write_bytes(b"".join(records))
    return path


def test_an_excitation_that_changes_makes_channels_of_their_own(tmp_path):
    values, other = spectra(2, 3, 4, 5), spectra(2, 3, 6, 7)
    records = []
    for number in range(6):
        y, x = divmod(number, 3)
        said = {"bias": BIAS, "frequency": BAND, "number": number}
        if number >= 4:  # more bins, and more steps
            said |= {"bias": np.arange(6.0), "frequency": np.linspace(2e5, 3e5, 7)}
        elif number >= 2:
            said |= {"frequency": BAND + 1e3}
        chosen = (other if number >= 4 else values)[y, x]
        records.append(encoder.encode_record(chosen, (y, x, 0), (2, 3, 1), **said))
    tree = om.open(write_records(tmp_path, records))
    names = ["Excitation_1", "Excitation_1_from_record_3", "Excitation_1_from_record_5"]
    assert list(tree.children) == names
    first, second, third = (tree[name]["signal"] for name in names)
    np.testing.assert_array_equal(first[0, :2], values[0, :2])
    assert np.isnan(first[0, 2]).all()
    assert np.isnan(first[1]).all()
    np.testing.assert_array_equal(second[0, 2], values[0, 2])
    np.testing.assert_array_equal(second[1, 0], values[1, 0])
    np.testing.assert_allclose(second["frequency"], BAND + 1e3)
    assert third.shape == (2, 3, 6, 7)
    np.testing.assert_array_equal(third[1, 1:], other[1, 1:])
    np.testing.assert_allclose(third["bias"], np.arange(6))
    assert third.attrs["incomplete"]["missing_from"] == 0
    assert "with this excitation" in third.attrs["incomplete"]["reason"]


def test_biases_of_each_point_stay_together(tmp_path):
    values = spectra(10, 10, 4, 5)
    records = [
        encoder.encode_record(
            values[n // 10, n % 10], (n // 10, n % 10, 0), (10, 10, 1), bias=BIAS + 0.1 * n,
            frequency=BAND,
        )
        for n in range(100)
    ]  # fmt: skip
    tree = om.open(write_records(tmp_path, records))
    data = tree["Excitation_1"]
    assert data["signal"].dims == ("y", "x", "sample", "frequency")
    np.testing.assert_allclose(data["bias"][3, 4], BIAS + 3.4, rtol=1e-6)
    np.testing.assert_array_equal(data["signal"], values)
    records = [
        encoder.encode_record(
            values[0, 0], (n // 10, n % 10, 0), (10, 10, 1), bias=BIAS, frequency=BAND + n
        )
        for n in range(100)
    ]
    with pytest.raises(om.FormatError, match="the excitation changes more than 64 times"):
        om.open(write_records(tmp_path, records))


def test_heights_and_repeats_are_dimensions(tmp_path):
    values = spectra(2, 1, 3, 2, 4, 5)
    places = [(y, 0, z) for y in range(2) for z in range(3) for _ in range(2)]
    said = {"bias": BIAS, "frequency": BAND}
    records = [
        encoder.encode_record(each, place, (2, 1, 3), **said)
        for each, place in zip(values.reshape(12, 4, 5), places, strict=True)
    ]
    data = om.open_signal(write_records(tmp_path, records))
    assert data.dims == ("y", "x", "z", "frame", "bias", "frequency")
    np.testing.assert_array_equal(data, values)
    np.testing.assert_allclose(data["z"], [0, 0.01, 0.02], atol=1e-7)
    assert data["z"].attrs["units"] == "um"
    np.testing.assert_array_equal(data[1, 0, 2, 1, ::2, 3], values[1, 0, 2, 1, ::2, 3])


def test_records_that_are_cut_or_contradict_themselves_are_refused(tmp_path):
    values = spectra(3, 2, 4, 5)
    path = new_folder(tmp_path, values)
    raw = path.with_name("sample_1_1.dat")
    content = raw.read_bytes()
    raw.write_bytes(content[:-20])
    with pytest.raises(om.FormatError, match="the last record is cut short"):
        om.open(path)
    data = om.open_signal(path, partial=True)
    np.testing.assert_array_equal(data[2, 0], values[2, 0])
    assert np.isnan(data[2, 1]).all()
    assert data.attrs["incomplete"]["missing_from"] == 5
    damaged = np.frombuffer(content, "<f4").copy()
    damaged[2] = 1e6
    raw.write_bytes(damaged.tobytes())
    with pytest.raises(om.FormatError, match="a record of 1000000 x 7 numbers is described"):
        om.open(path)
    damaged = np.frombuffer(content, "<f4").copy()
    damaged[2 + 7] = 600
    raw.write_bytes(damaged.tobytes())
    with pytest.raises(om.FormatError, match="300 bins and 4 steps do not fit"):
        om.open(path)


def test_records_of_lines_are_general_mode(tmp_path):
    records = rng.standard_normal((2, 3, 50)).astype(np.float32)
    path = encoder.write_lines(
        tmp_path / "s_parms.txt", records, encoder.encode_parameters((2, 3)), inputs=2
    )
    write_mat(tmp_path / "s_all.mat", {"BE_wave": np.arange(50.0), "total_cols": np.array([3.0])})
    data = om.open_signal(path, "Input_2")
    assert data.dims == ("y", "x", "time")
    np.testing.assert_array_equal(data, 2 * records)
    np.testing.assert_allclose(data["time"], np.arange(50) / 4e6)
    np.testing.assert_array_equal(data["excitation"], np.arange(50))
    (tmp_path / "bigtime_01.dat").write_bytes(records[0].tobytes() + records[1, :2].tobytes())
    (tmp_path / "bigtime_02.dat").unlink()
    data = om.open_signal(path)
    assert data.attrs["incomplete"]["missing_from"] == 5
    np.testing.assert_array_equal(data[1, :2], records[1, :2])
    assert np.isnan(data[1, 2]).all()
    (tmp_path / "bigtime_01.dat").write_bytes(records.tobytes()[:-16])
    with pytest.raises(om.FormatError, match="no whole number of records of 50; it is cut short"):
        om.open(path)
    assert om.open_signal(path, partial=True).attrs["incomplete"]["missing_from"] == 5


def test_a_tune_has_the_train_of_its_waves(tmp_path):
    records = rng.standard_normal((1, 2, 60)).astype(np.float32)
    path = encoder.write_lines(tmp_path / "s_parms.txt", records, encoder.encode_parameters((1, 2)))
    train = np.tile(np.arange(20.0), 3)
    write_mat(tmp_path / "s_all.mat", {"BE_wave": train[:20], "BE_wave_train": train})
    data = om.open_signal(path)
    np.testing.assert_array_equal(data, records)
    np.testing.assert_array_equal(data["excitation"], train)
    assert data["excitation"].attrs["units"] == "V"


def test_transients_of_harmonics_are_at_their_bias_field_and_time(tmp_path):
    values, bias = spectra(2, 3, 2, 4, 2, 6), np.array([1.0, 3.0, -1.0, -3.0])
    path = encoder.write_time_resolved(tmp_path, values, bias)
    for place in (tmp_path, path):
        assert om.io.identify(place) == "band_excitation"
        tree = om.open(place)
        assert list(tree.children) == ["Harmonic_1", "Harmonic_2"]
    second = tree["Harmonic_2"]["signal"]
    assert second.dims == ("y", "x", "bias", "field", "time")
    np.testing.assert_array_equal(second, values[1])
    np.testing.assert_array_equal(tree["Harmonic_1"]["signal"].sel(field="in-field", bias=-1.0),
                                  values[0, :, :, 2, 1])  # fmt: skip
    np.testing.assert_allclose(second["time"], np.arange(6) * 2e-3 / 6)
    assert tree.attrs["metadata"]["technique"].startswith("Time-resolved Kelvin")


def test_transients_that_are_cut_or_contradict_themselves_are_refused(tmp_path):
    values, bias = spectra(1, 3, 2, 4, 2, 6), np.arange(1.0, 5.0)
    path = encoder.write_time_resolved(tmp_path, values, bias)
    content = path.read_bytes()
    record = len(content) // 6
    path.write_bytes(content[: 5 * record])
    data = om.open_signal(tmp_path)
    assert data.attrs["incomplete"]["missing_from"] == 5
    assert np.isnan(data[2, 1]).all()
    np.testing.assert_array_equal(data[2, 0], values[0, 2, 0])
    path.write_bytes(content[:-8])
    with pytest.raises(om.FormatError, match="the last record is cut short"):
        om.open(tmp_path)
    assert om.open_signal(tmp_path, partial=True).attrs["incomplete"]["missing_from"] == 5
    damaged = np.frombuffer(content, "<f4").copy()
    damaged[record // 4] = 7
    path.write_bytes(damaged.tobytes())
    with pytest.raises(om.FormatError, match="record 1 has 7 numbers, the first one 53"):
        om.open(tmp_path)
    damaged[0] = 1e6
    path.write_bytes(damaged.tobytes())
    with pytest.raises(om.FormatError, match="a record of 1000000 numbers"):
        om.open(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(om.FormatError, match="does not start with a record"):
        om.open(tmp_path)
    (tmp_path / "s_ch02.dat").unlink()
    with pytest.raises(om.FormatError, match="are no pairs of real and imaginary parts"):
        om.open(tmp_path)
    write_mat(tmp_path / "s_parm.mat", {"num_rows": np.array([3.0])})
    with pytest.raises(om.FormatError, match="a number was expected for 'num_cols'"):
        om.open(tmp_path)


def oldest(folder, values, applied, **changes):
    """Write spectra whose parameters are vectors in a MATLAB file."""
    rows, columns, *_, bins = values.shape
    wave = np.cos(2 * np.pi * 0.2 * np.arange(40)) + 0.3
    said = {
        "position_vec": np.array([rows, columns, rows, columns], float),
        "BE_parm_vec_1": np.array([3, 35e4, 6e4, 1.5, 150, 0.01, 0, 12, 2]),
        "assembly_parm_vec": np.zeros(4), "AO_rate": np.array([4e6]), "BE_wave": wave,
        "SS_parm_vec": np.array([0, 0, 2, 0.1, 0, 8, 8, applied.size / 2, 1, 0.0]),
        "bin_ind": np.arange(22.0, 22 + bins), "bin_w": 3e5 + 1e3 * np.arange(bins),
        "dc_amp_vec_full": applied, **changes,
    }  # fmt: skip
    write_mat(folder / "s.mat", said)
    for part in ("real", "imag"):
        content = np.ascontiguousarray(getattr(values, part), "<f4").tobytes()
        (folder / f"s_{part}.dat").write_bytes(content)
    return wave


def test_the_oldest_parameters_are_vectors_in_a_matlab_file(tmp_path):
    values, applied = spectra(3, 2, 2, 4, 5), np.tile([0.0, 2.0, 0.0, -2.0], 2)
    wave = oldest(tmp_path, values, applied)
    for place in (tmp_path, tmp_path / "s_real.dat"):
        assert om.io.identify(place) == "band_excitation"
        tree = om.open(place)
        data = tree["Band_excitation"]["signal"]
        assert data.dims == ("y", "x", "cycle", "bias", "frequency")
        np.testing.assert_array_equal(data, values)
    np.testing.assert_array_equal(data["bias"], applied[:4])
    np.testing.assert_allclose(data["frequency"], 3e5 + 1e3 * np.arange(5))
    spectrum = np.fft.fftshift(np.fft.fft(wave))
    np.testing.assert_allclose(
        tree["Band_excitation"]["excitation"], np.conj(spectrum[21:26]), rtol=1e-6
    )
    original = data.attrs["original_metadata"]
    assert original["VS"]["measure_in_field_loops"] == "out-of-field"
    assert (original["BE"]["points_per_step"], original["IO"]["rate_[Hz]"]) == (4096, 4e6)


def test_reversal_curves_of_the_oldest_parameters_have_biases_of_their_own(tmp_path):
    values = spectra(1, 2, 2, 4, 5)
    applied = np.array([[0.0, 1.0, 0.0, -1.0], [0.0, 3.0, 0.0, -2.0]])
    said = np.array([6, 0, 2, 0, 0, 1, 3, 4, 1, 0.0])
    oldest(tmp_path, values, applied.ravel(), SS_parm_vec=said)
    data = om.open_signal(tmp_path)
    assert data.dims == ("y", "x", "forc", "bias_step", "frequency")
    np.testing.assert_array_equal(data["bias"], applied)
    oldest(tmp_path, values, applied.ravel(), SS_parm_vec=np.array([6, 0, 3, *np.zeros(7)]))
    with pytest.raises(om.FormatError, match="8 steps are not those of 3 cycles"):
        om.open(tmp_path)
    oldest(tmp_path, values, applied.ravel(), assembly_parm_vec=np.zeros(1))
    with pytest.raises(om.FormatError, match="4 numbers or more were expected"):
        om.open(tmp_path)


def test_amplitudes_of_the_oldest_parameters_are_along_samples(tmp_path):
    values, applied = spectra(1, 2, 8, 5), np.linspace(0.1, 0.8, 8)
    oldest(tmp_path, values, applied, SS_parm_vec=np.array([2, 0, 1, *np.zeros(7)]))
    data = om.open_signal(tmp_path)
    assert data.dims == ("y", "x", "sample", "frequency")
    np.testing.assert_allclose(data["ac_amplitude"], applied)


@pytest.mark.shared
def test_the_synthetic_set_is_as_its_truth_says(shared):
    folder = shared / "data/spm/beps_odf_synth"
    truth = np.load(folder / "truth.npz")
    parts = [
        np.fromfile(folder / f"beps_odf_synth_read_{part}.dat", "<f4") for part in ("real", "imag")
    ]
    expected = (parts[0] + 1j * parts[1]).reshape(5, 5, 32, 40)
    for place in (folder, *folder.glob("beps*")):
        data = om.open_signal(place)
        assert data.dims == ("y", "x", "bias", "frequency")
        np.testing.assert_array_equal(data, expected)
    np.testing.assert_allclose(data["bias"], truth["vdc"], atol=1e-12)
    np.testing.assert_allclose(data["frequency"], truth["frequency_hz"], rtol=1e-12)
    # Near each resonance the response is what its truth says, to the noise.
    amplitude, f0, quality, phase = (truth["sho"][..., n, None] for n in range(4))
    f = truth["frequency_hz"]
    model = amplitude * np.exp(1j * phase) * f0**2 / (f**2 - 1j * f * f0 / quality - f0**2)
    assert np.std(data.values.reshape(25, 32, 40) - model) < 4e-6
