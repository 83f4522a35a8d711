"""EMSA/MAS spectra: text written here by hand, and what `save` writes."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.msa.reader import read

HEAD = """#FORMAT      : EMSA/MAS Spectral Data File
#VERSION     : 1.0
#TITLE       : Nickel oxide
#DATE        : 01-OCT-1991
#TIME        : 12:00
#OWNER       : Task force
#NPOINTS     : 5.
#NCOLUMNS    : 2.
#XUNITS      : Energy Loss (eV)
#YUNITS      : Counts
#DATATYPE    : Y
#XPERCHAN    : 0.5
#OFFSET      : 520.
#SIGNALTYPE  : ELS
#BEAMKV   -kV: 120.0
#PROBECUR -nA: 12.5
#CONVANGLE-mR: 1.5
#XTILTSTGE-dg: 2.0 E+01
#ELSDET      : SERIAL
"""
Y = "#SPECTRUM    : here\n1, 2.5\n3e0 -4\n5\n#ENDOFDATA   :\n"


def write(tmp_path, text, name="a.msa", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_values_axis_and_metadata_are_those_of_the_file(tmp_path):
    data = om.open_signal(write(tmp_path, HEAD + Y))
    np.testing.assert_array_equal(data, [1, 2.5, 3, -4, 5])
    np.testing.assert_array_equal(data["energy_loss"], 520 + 0.5 * np.arange(5))
    assert data["energy_loss"].attrs["units"] == "eV"
    assert (data.attrs["units"], data.attrs["modality"]) == ("counts", "EELS")
    metadata = data.attrs["metadata"]
    assert metadata["beam"] == {
        "voltage": 120e3,
        "current": pytest.approx(12.5e-9),
        "convergence_angle": 1.5,
    }
    assert metadata["stage"]["alpha"] == 20
    assert metadata["started"] == "1991-10-01T12:00:00"
    assert metadata["detector"]["name"] == "SERIAL"
    assert data.attrs["original_metadata"]["OWNER"] == "Task force"


def test_files_of_the_eels_data_base_open_as_core_losses(tmp_path):
    # As eelsdb.eu makes them: pairs, no units of the values, empty entries, a tab.
    energy = 120.0003 + 0.5 * np.arange(1340)
    values = 2e5 * (energy / 120.0) ** -3 * (1 + 0.3 * (energy > 203.0))
    head = (
        "#FORMAT\t     : EMSA/MAS Spectral Data File\n#VERSION     : 1.0\n"
        "#TITLE       : NbO2\n#DATE        : \n#TIME        : \n"
        "#OWNER       : eelsdatabase.net\n#NPOINTS     : 1340\n#NCOLUMNS    : 1\n"
        "#XUNITS      : eV\n#YUNITS      : \n#DATATYPE    : XY\n#XPERCHAN    : 0.5\n"
        "#OFFSET      : 120.0003\n#SIGNALTYPE  : ELS\n#SPECTRUM    : Spectral Data Starts Here\n"
    )
    rows = "\n".join(f"{e:.4f},{v:.6f}" for e, v in zip(energy, values, strict=True))
    data = om.open_signal(write(tmp_path, f"{head}{rows}\n#ENDOFDATA   :\n"))
    np.testing.assert_allclose(data, values, rtol=1e-6)
    np.testing.assert_allclose(data["energy_loss"], energy)
    assert data["energy_loss"].attrs["units"] == "eV"
    assert "long_name" not in data["energy_loss"].attrs
    assert (data.attrs["modality"], data.attrs.get("units")) == ("EELS", None)
    assert data.attrs["metadata"] == {"title": "NbO2", "operator": "eelsdatabase.net"}
    assert om.validate(data) == []
    background = om.eels.fit_background(data, (130.0, 195.0))["background"]
    np.testing.assert_allclose(background, 2e5 * (energy / 120.0) ** -3, rtol=1e-4)
    seen = om.eels.find_edges(data, ["Nb"])
    assert bool(seen["is_seen"].sel(edge="Nb_M5"))


def test_places_of_pairs_are_the_coordinate(tmp_path):
    text = HEAD.replace("DATATYPE    : Y", "DATATYPE    : XY")
    pairs = "#SPECTRUM :\n1, 10\n2, 20\n4 40, 8 80\n9 90\n#ENDOFDATA :\n"
    data = om.open_signal(write(tmp_path, text + pairs))
    np.testing.assert_array_equal(data["energy_loss"], [1, 2, 4, 8, 9])
    np.testing.assert_array_equal(data, [10, 20, 40, 80, 90])


@pytest.mark.parametrize(
    ("said", "dim", "units"),
    [
        ("#XUNITS : nm\n#SIGNALTYPE : CLS\n", "wavelength", "nm"),
        ("#XUNITS : keV\n#SIGNALTYPE : EDS\n", "energy", "keV"),
        ("#XUNITS : nonsense\n", "energy", None),
    ],
)
def test_the_dimension_follows_from_signal_and_units(tmp_path, said, dim, units):
    text = f"#FORMAT : EMSA/MAS\n{said}#SPECTRUM :\n1 2 3\n#ENDOFDATA :\n"
    data = om.open_signal(write(tmp_path, text))
    assert data.dims == (dim,)
    assert data[dim].attrs.get("units") == units


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
def test_line_ends_and_encodings_do_not_matter(tmp_path, encoding):
    text = (HEAD + Y).replace("Nickel oxide", "Öl µ").replace("\n", "\r\n")
    assert om.open_signal(write(tmp_path, text, encoding=encoding)).attrs["long_name"] == "Öl µ"


def test_what_is_there_to_the_last_digit_needs_no_last_line(tmp_path):
    data = om.open_signal(write(tmp_path, (HEAD + Y).split("#ENDOFDATA")[0]))
    np.testing.assert_array_equal(data, [1, 2.5, 3, -4, 5])
    assert "incomplete" not in data.attrs


@pytest.mark.parametrize("between", ["; ", "\t", "  "])
def test_decimal_commas_are_told_from_those_that_divide_by_the_number_of_points(tmp_path, between):
    head = (
        "#FORMAT : EMSA/MAS\n#NPOINTS : 3\n#XUNITS : keV\n#SIGNALTYPE : EDS\n"
        "#XPERCHAN : 0,1\n#OFFSET : 0,25\n"
    )
    rows = [(0.25, 10.5), (0.35, -4), (0.45, 3e-2)]
    lines = [between.join(f"{number:g}" for number in row).replace(".", ",") for row in rows]
    pairs = "#DATATYPE : XY\n#SPECTRUM :\n{}\n#ENDOFDATA :\n".format("\n".join(lines))
    data = om.open_signal(write(tmp_path, head + pairs))
    np.testing.assert_allclose(data, [10.5, -4, 0.03])
    np.testing.assert_allclose(data["energy"], [0.25, 0.35, 0.45])
    alone = "#DATATYPE : Y\n#SPECTRUM :\n10,5\n-4\n0,03\n#ENDOFDATA :\n"
    data = om.open_signal(write(tmp_path, head + alone, "b.msa"))
    np.testing.assert_allclose(data, [10.5, -4, 0.03])
    np.testing.assert_allclose(data["energy"], [0.25, 0.35, 0.45])
    divided = "#DATATYPE : Y\n#SPECTRUM :\n1,2,3\n#ENDOFDATA :\n"
    np.testing.assert_array_equal(om.open_signal(write(tmp_path, head + divided)), [1, 2, 3])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.split("#SPECTRUM")[0], "no line '#SPECTRUM'"),
        (lambda text: text.split("\n#ENDOFDATA")[0], "'#ENDOFDATA' is missing"),
        (lambda text: text.replace("5\n#END", "#END"), "4 of 5 values are there"),
        (lambda text: text.replace("3e0", "three"), "numbers were expected .* 'three'"),
        (
            lambda text: text.replace("1, 2.5\n3e0 -4\n5\n", ""),
            "numbers were .* '' was found",
        ),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    with pytest.raises(om.FormatError, match=message):
        read(write(tmp_path, damage(HEAD + Y)))


def test_a_cut_file_is_read_as_far_as_it_goes(tmp_path):
    path = write(tmp_path, (HEAD + Y).split("5\n#END")[0])
    data = om.open_signal(path, partial=True)
    np.testing.assert_array_equal(data, [1, 2.5, 3, -4])
    assert data.attrs["incomplete"]["missing_from"] == 4


@pytest.mark.parametrize("uneven", [False, True])
def test_a_spectrum_comes_back_as_it_was_with_its_history(tmp_path, uneven):
    data = om.signal.sum_over(om.samples.spectrum_image(), ["y", "x"]).compute()
    if uneven:
        data = data.isel(energy_loss=[0, 1, 3, 7])
    path = om.save(data, tmp_path / "a.msa")
    back = om.open_signal(path)
    xr.testing.assert_identical(back.drop_attrs(), data.drop_attrs().rename(back.name))
    assert back.attrs["units"] == data.attrs["units"]
    assert [step.operation for step in om.history(back)][-1] == om.history(data)[-1].operation


def test_a_written_file_is_read_by_the_standard_alone(tmp_path):
    x = xr.DataArray(np.array([1.5, 1.75, 2.0]), dims="energy", attrs={"units": "keV"})
    data = xr.DataArray(
        [4, 5, 6],
        coords={"energy": x},
        attrs={"units": "counts", "modality": "EDS", "metadata": {"beam": {"voltage": 2e5}}},
        name="a",
    )
    lines = om.save(data, tmp_path / "a.msa").read_text().splitlines()
    written = "\n".join(line for line in lines if "OMNISCOPY" not in line)
    back = om.open_signal(write(tmp_path, written, "b.msa"))
    np.testing.assert_array_equal(back, data)
    np.testing.assert_array_equal(back["energy"], x)
    assert back["energy"].attrs["units"] == "keV"
    assert back.attrs["metadata"]["beam"]["voltage"] == 2e5
    assert back.attrs["modality"] == "EDS"


def test_what_is_no_spectrum_is_refused(tmp_path):
    with pytest.raises(UnsupportedFormatError, match="one array of 1 dimensions"):
        om.save(om.samples.atom_image(), tmp_path / "a.msa")
    data = om.samples.spectrum().astype(complex)
    with pytest.raises(UnsupportedFormatError, match="real numbers"):
        om.save(data, tmp_path / "a.msa")


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):

    rows = real_files("msa")
    assert len(rows) == 7
    for row in rows:
        data = om.open_signal(row["path"])
        (said,) = row["signals"]
        assert list(data.shape) == said["shape"]
        assert (data.min(), data.max()) == (said["min"], said["max"])
        axis = data[data.dims[0]]
        assert float(axis[0]) == said["axes"][0]["offset"]
        # Places in pairs are rounded in the file, to less than a tenth of a channel.
        step = float(axis[1] - axis[0])
        assert step == pytest.approx(said["axes"][0]["scale"], rel=0.01)
        assert axis.attrs.get("units") in ("eV", None)


def test_truth_values_are_written_as_numbers(tmp_path):
    data = xr.DataArray([True, False, True], dims="energy", coords={"energy": [1.0, 2.0, 3.0]})
    om.save(data, tmp_path / "a.msa")
    np.testing.assert_array_equal(om.open_signal(tmp_path / "a.msa"), [1, 0, 1])


def test_the_channel_at_zero_stands_for_the_offset_where_there_is_none(tmp_path):
    head = HEAD.replace("#OFFSET      : 520.\n", "#CHOFFSET    : 20.0\n")
    data = om.open_signal(write(tmp_path, head + Y))
    np.testing.assert_allclose(data["energy_loss"], -10 + 0.5 * np.arange(5))


def test_losses_are_known_by_their_label_without_a_type(tmp_path):
    head = HEAD.replace("#SIGNALTYPE  : ELS\n", "#SIGNALTYPE  : \n#XLABEL      : Energy loss\n")
    data = om.open_signal(write(tmp_path, head.replace("Energy Loss (eV)", "eV") + Y))
    assert data.dims == ("energy_loss",)


def test_units_may_follow_a_keyword_without_a_dash(tmp_path):
    further = "#XPOSITION mm: -8.4\n#YPOSITION mm: 2.5\n#LIVETIME  -s: 20.0\n"
    data = om.open_signal(write(tmp_path, HEAD + further + Y))
    stage = data.attrs["metadata"]["stage"]
    assert stage["x"] == pytest.approx(-8.4e-3)
    assert stage["y"] == pytest.approx(2.5e-3)
    assert data.attrs["metadata"]["detector"]["live_time"] == 20


@pytest.mark.parametrize(
    ("said", "dim", "modality"),
    [("EDS_SEM", "energy", "EDS"), ("EELS", "energy_loss", "EELS"), ("XEDS", "energy", "EDS")],
)
def test_signals_are_known_by_what_programs_call_them(tmp_path, said, dim, modality):
    head = HEAD.replace("ELS\n#BEAM", f"{said}\n#BEAM").replace("Energy Loss (eV)", "eV")
    data = om.open_signal(write(tmp_path, head + Y))
    assert (data.dims, data.attrs["modality"]) == ((dim,), modality)
