"""Tables of the steps that were taken, and what they make of records of the new data format."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.band_excitation.step_tables import lay_out_steps
from omniscopy.io.errors import FormatError
from omniscopy.io.spreadsheets import read_rows
from omniscopy.testing.files import band_excitation as encoder
from omniscopy.testing.files.spreadsheets import write_xls, write_xlsx

rng = np.random.default_rng(4)
FREQUENCY = np.linspace(300e3, 340e3, 5)
HEADING = ["step_num", "dc_offset", "ac_amp", "wave_type", "wave_mod", "in-field", "out-of-field"]
LOOP = np.array([0.0, 2.0, 4.0, 1.0, -3.0, -1.0])


def interleaved(loop=LOOP, amplitude=1.5, read=0.25):
    """Return steps within the field, each followed by one outside of it, and their table."""
    bias = np.stack([loop, np.full(len(loop), read)], axis=1).ravel()
    rows = [HEADING]
    for number, value in enumerate(bias):
        own, before = float(value), float(bias[number - number % 2])
        groups = [own, None] if number % 2 == 0 else [None, before]
        rows.append([number + 1.0, own, amplitude, 1.0, 1.0, *groups])
    return bias, rows


def records(tmp_path, bias, fields, *, write=None, rows=None, **more):
    values = rng.standard_normal((2, 3, len(bias), 5, 2)).astype(np.float32)
    values = values[..., 0] + 1j * values[..., 1]
    told = {key: more.pop(key) for key in ("cycles", "forc", "mode") if key in more}
    parameters = encoder.encode_parameters((2, 3), steps=12, fields=fields, **told)
    folder = tmp_path / "newdataformat"
    folder.mkdir()
    path = encoder.write_ndf(
        folder / "s_parms.txt", values, parameters, bias=bias, frequency=FREQUENCY, **more
    )
    if write is not None:
        write(folder / f"s_UD_VS.{'xlsx' if write is write_xlsx else 'xls'}", rows)
    return path, values


@pytest.mark.parametrize("write", [write_xls, write_xlsx, None])
def test_steps_within_and_outside_of_the_field_are_a_dimension(tmp_path, write):
    bias, rows = interleaved()
    path, values = records(tmp_path, bias, "in and out-of-field", write=write, rows=rows)
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "field", "bias", "frequency")
    np.testing.assert_allclose(data["bias"], LOOP)
    np.testing.assert_array_equal(data.sel(field="in-field"), values[:, :, 0::2])
    np.testing.assert_array_equal(data.sel(field="out-of-field"), values[:, :, 1::2])
    np.testing.assert_array_equal(data[1, 1:, 0, ::2, 3], values[1, 1:, 1::4, 3])
    node = om.open(path)["Excitation_1"]
    assert node["deflection"].dims == ("y", "x", "field", "bias")
    assert node["noise_floor_sub_band"][1, 2, 0, 0] == pytest.approx(3e-3 * 6)


def test_fields_in_another_order_are_where_the_table_says(tmp_path):
    bias, rows = interleaved()
    order = [0, *(place ^ 1 for place in range(12))]
    rows = [HEADING, *(rows[1:][each] for each in order[1:])]
    for number, row in enumerate(rows[1:], 1):
        row[0] = float(number)
    swapped = bias.reshape(-1, 2)[:, ::-1].ravel()
    path, values = records(tmp_path, swapped, "in and out-of-field", write=write_xls, rows=rows)
    data = om.open_signal(path)
    np.testing.assert_allclose(data["bias"], LOOP)
    np.testing.assert_array_equal(data.sel(field="in-field"), values[:, :, 1::2])


def test_steps_without_an_excitation_are_left_out(tmp_path):
    bias, _ = interleaved()
    amplitude = np.tile([0.0, 1.5], len(LOOP))
    path, values = records(tmp_path, bias, "out-of-field", amplitude=amplitude)
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "bias", "frequency")
    np.testing.assert_allclose(data["bias"], LOOP)
    np.testing.assert_array_equal(data, values[:, :, 1::2])
    np.testing.assert_allclose(data["ac_amplitude"], 1.5)


def test_cycles_and_reversal_curves_are_dimensions(tmp_path):
    loops = np.concatenate([np.tile(LOOP, 2), np.tile(2 * LOOP, 2), np.tile(3 * LOOP, 2)])
    bias, rows = interleaved(loops)
    path, values = records(
        tmp_path, bias, "in and out-of-field", write=write_xls, rows=rows, cycles=2, forc=3
    )
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "field", "forc", "cycle", "bias_step", "frequency")
    np.testing.assert_allclose(data["bias"].sel(forc=2), 3 * LOOP)
    expected = values.reshape(2, 3, 3, 2, 6, 2, 5)[..., 0, :]
    np.testing.assert_array_equal(data.sel(field="in-field"), expected)


def test_plot_groups_go_along_the_steps(tmp_path):
    bias, rows = interleaved()
    rows = [[*row[:5], each] for row, each in zip(rows, ["Hold 2"] + [None, 7.0] * 6, strict=True)]
    path, values = records(tmp_path, bias, "", write=write_xls, rows=rows, mode="Custom")
    data = om.open_signal(path)
    assert data.sizes["bias"] == 12
    np.testing.assert_array_equal(data, values)
    np.testing.assert_array_equal(data["plot_group_hold_2"], [np.nan, 7.0] * 6)
    assert data["plot_group_hold_2"].attrs["long_name"] == "Hold 2"


def test_a_table_that_does_not_fit_is_said_and_not_used(tmp_path):
    bias, rows = interleaved()
    path, values = records(tmp_path, bias, "", write=write_xls, rows=rows[:-2], mode="Custom")
    data = om.open_signal(path)
    np.testing.assert_array_equal(data, values)
    assert "10 of this wave, its records 12" in data.attrs["comment"]


def test_a_table_that_is_damaged_leaves_the_records(tmp_path):
    bias, rows = interleaved()
    path, values = records(tmp_path, bias, "", write=write_xls, rows=rows, mode="Custom")
    table = path.with_name("s_UD_VS.xls")
    table.write_bytes(table.read_bytes()[:700])
    np.testing.assert_array_equal(om.open_signal(path), values)


@pytest.mark.parametrize("write", [write_xls, write_xlsx])
def test_parameters_may_be_a_spreadsheet(tmp_path, write):
    bias, _ = interleaved()
    path, values = records(tmp_path, bias, "in and out-of-field")
    rows = [line.split(" : ") for line in path.read_text().splitlines()]
    numbers = [[key, float(said[0])] if said and said[0].isdigit() else [key, *said]
               for key, *said in rows]  # fmt: skip
    place = write(path.with_suffix(".xlsx" if write is write_xlsx else ".xls"), numbers)
    expected = om.open_signal(path)
    path.unlink()
    data = om.open_signal(place.parent)
    np.testing.assert_array_equal(data.sel(field="in-field"), values[:, :, 0::2])
    assert data.attrs["original_metadata"] == expected.attrs["original_metadata"]


def test_biases_of_both_fields_that_differ_are_kept_in_a_row():
    bias, _ = interleaved()
    groups = {"VS": {"mode": "DC modulation mode", "measure_in_field_loops": "in and out-of-field"}}
    found = lay_out_steps(bias[:-1], np.ones(11), groups, None)
    assert found.dims == ("bias",)
    np.testing.assert_array_equal(found.order, np.arange(11))
    np.testing.assert_array_equal(found.axes[0].values, bias[:-1])


ROWS = [["step", "µ", "Ω & <V>", None], [1.0, -2.5, None, "text"], [2.0, 1e-300, 3.0, None]]


@pytest.mark.parametrize(
    ("write", "options"), [(write_xls, {}), (write_xls, {"short": True}), (write_xlsx, {})]
)
def test_cells_are_where_they_were_written(tmp_path, write, options):
    rows = [*ROWS, *[[float(n), 0.25 * n, -n, f"row {n}"] for n in range(700)]]
    assert read_rows(write(tmp_path / "table", rows, **options)) == rows


def test_numbers_of_thirty_bits_are_integers_doubles_and_hundredths():
    from omniscopy.io.spreadsheets import _short_number

    for number, value in (
        ((7 << 2) | 2, 7.0), (((-7 & 0x3FFFFFFF) << 2) | 2, -7.0), ((1234 << 2) | 3, 12.34),
        (0x3FF00000, 1.0), (0x40590001, 1.0),
    ):  # fmt: skip
        assert _short_number(number) == pytest.approx(value)


def rows_or_nothing(path):
    try:
        return read_rows(path)
    except FormatError as error:
        return None if "table" in str(error) else error


@pytest.mark.parametrize("write", [write_xls, write_xlsx])
def test_a_damaged_spreadsheet_is_refused_or_read(tmp_path, write):
    path = write(tmp_path / "table", ROWS)
    sound = path.read_bytes()
    for end in range(0, len(sound), 97):
        path.write_bytes(sound[:end])
        assert rows_or_nothing(path) in (None, ROWS)
    for _ in range(300):
        changed = bytearray(sound)
        for place in rng.integers(0, len(sound), 3):
            changed[place] = int(rng.integers(256))
        path.write_bytes(bytes(changed))
        found = rows_or_nothing(path)
        assert found is None or isinstance(found, list)
