"""Single spectra of Bruker."""

import hashlib

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.bruker_spx.reader import read
from omniscopy.testing.files.bruker_spx import encode_spectrum, write_spx

COUNTS = np.random.default_rng(1).poisson(40, 300)


def test_a_spectrum_has_its_counts_and_energies(tmp_path):
    data = om.open_signal(write_spx(tmp_path / "a.spx", encode_spectrum(COUNTS)))
    np.testing.assert_array_equal(data, COUNTS)
    np.testing.assert_allclose(data["energy"], -0.47 + 0.01 * np.arange(300))
    assert data["energy"].attrs["units"] == "keV"
    assert (data.attrs["units"], data.attrs["modality"]) == ("counts", "EDS")
    assert data.name == "Spectrum_1"
    assert data.attrs["metadata"] == {
        "technique": "EDS",
        "started": "2018-03-04T10:06:04",
        "instrument": {"vendor": "Bruker"},
        "beam": {"voltage": 15e3},
        "detector": {
            "name": "XFlash 6|30",
            "real_time": 0.04,
            "live_time": 0.025,
            "dispersion": 10.0,
        },
    }


def test_fluorescence_is_told_by_its_tube(tmp_path):
    tube = "<ClassInstance Type='TRTXrfHeader'><Voltage>50</Voltage></ClassInstance>"
    path = write_spx(tmp_path / "a.spx", encode_spectrum(COUNTS, excitation=tube))
    data = om.open_signal(path)
    assert data.attrs["modality"] == "XRF"
    assert data.attrs["metadata"]["beam"]["voltage"] == 50e3


def test_a_spectrum_without_metadata_is_read(tmp_path):
    path = write_spx(tmp_path / "a.spx", encode_spectrum(COUNTS, energies=None, header={"A": "b"}))
    (channel,) = read(path).channels
    assert channel.axes[0].units is None
    assert channel.data.tolist() == COUNTS.tolist()


def test_decimal_commas_are_those_of_the_language(tmp_path):
    spectrum = encode_spectrum(COUNTS, hardware={"RealTime": "40,5", "LifeTime": "25"})
    spectrum = spectrum.replace("1.000000E-02", "1,000000E-02").replace("1.5E1", "15,5")
    data = om.open_signal(write_spx(tmp_path / "a.spx", spectrum))
    np.testing.assert_allclose(data["energy"].diff("energy"), 0.01)
    metadata = data.attrs["metadata"]
    assert metadata["beam"]["voltage"] == 15.5e3
    assert metadata["detector"]["real_time"] == 0.0405


def test_an_energy_that_the_microscope_did_not_tell_is_none(tmp_path):
    spectrum = encode_spectrum(COUNTS).replace("1.5E1", "-1")
    data = om.open_signal(write_spx(tmp_path / "a.spx", spectrum))
    assert "beam" not in data.attrs["metadata"]


def test_odd_dates_and_fractions_do_not_stop_the_spectrum(tmp_path):
    odd = {"Date": "31.2.2018", "Time": "noon", "ChannelCount": "300"}
    path = write_spx(tmp_path / "a.spx", encode_spectrum(COUNTS + 0.5, header=odd))
    (channel,) = read(path).channels
    assert "started" not in channel.metadata
    np.testing.assert_array_equal(channel.data, COUNTS + 0.5)


def test_every_spectrum_of_a_document_is_a_channel(tmp_path):
    one, two = (encode_spectrum(COUNTS + k, name=f"S{k}") for k in range(2))
    found = om.signals(om.open(write_spx(tmp_path / "a.spx", one, two)))
    assert list(found) == ["S0", "S1"]
    np.testing.assert_array_equal(found["S1"], COUNTS + 1)


@pytest.mark.parametrize(
    ("spectrum", "message"),
    [
        (encode_spectrum(COUNTS, header={"ChannelCount": "5"}), "says 5 channels, 300 are there"),
        (encode_spectrum(COUNTS).replace(",41,", ",x,"), "are no numbers"),
        ("<A/>", "no spectrum in the document"),
        ("<A>", "the XML is damaged"),
    ],
)
def test_damage_is_named(tmp_path, spectrum, message):
    with pytest.raises(om.FormatError, match=rf"a\.spx.*{message}"):
        om.open(write_spx(tmp_path / "a.spx", spectrum))


def test_entities_are_refused(tmp_path):
    path = write_spx(tmp_path / "a.spx", encode_spectrum(COUNTS))
    text = path.read_text("cp1252").replace("<RTHeader/>", "<!DOCTYPE a [<!ENTITY b 'c'>]>")
    path.write_text(text, "cp1252")
    with pytest.raises(om.FormatError, match="entities"):
        om.open(path)


REAL = {
    "bruker_m6_jetstream_file_example.spx": ("p_059", "XRF", 50e3, 28.046),
    "extracted_from_bcf.spx": ("60k_pixel", "EDS", 15e3, 0.025),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_real_files_have_the_values_of_the_manifest(shared, real_files, name):
    vendor = shared / "data/vendor"
    entries = {e["file"]: e for e in real_files("bruker_spx")}
    assert set(entries) == {f"bruker_spx/{each}" for each in REAL}
    (expected,) = entries[f"bruker_spx/{name}"]["signals"]
    # The background that was fitted is a second spectrum; the reference leaves it out.
    data, *fitted = om.signals(om.open(vendor / "bruker_spx" / name)).values()
    assert [each.name for each in fitted] == (["Background"] if "m6" in name else [])
    title, modality, voltage, live = REAL[name]
    assert list(data.shape) == expected["shape"]
    assert data.dtype == expected["dtype"]
    assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == expected["sha256"]
    (axis,) = expected["axes"]
    energy = data["energy"].values
    assert energy[0] == pytest.approx(axis["offset"])
    assert energy[1] - energy[0] == pytest.approx(axis["scale"])
    # The reference takes a fluorescence spectrum for one of a TEM.
    assert (data.name, data.attrs["modality"]) == (title, modality)
    assert data.attrs["metadata"]["beam"]["voltage"] == voltage
    assert data.attrs["metadata"]["detector"]["live_time"] == pytest.approx(live)
