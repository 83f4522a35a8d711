"""Data of JEOL Analysis Station."""

import hashlib
import pickle

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.jeol.reader import read
from omniscopy.testing.files.jeol import (
    encode_events,
    encode_image,
    encode_map_tags,
    encode_project,
    encode_pts,
    encode_tags,
    write_project,
)
from omniscopy.testing.formats import absurd_sizes, bit_flips, check_damage, check_reader

rng = np.random.default_rng(4)
COUNTS = np.zeros((3, 4, 8, 4096), np.int64)
COUNTS[..., ::37] = rng.poisson(0.2, COUNTS[..., ::37].shape)
COUNTS[1, 2] = 0  # a row in which nothing was counted
COUNTS[0, 0, 0, 4095] = 3
SPECTRUM = COUNTS.sum((0, 1, 2))[96:2144]
IMAGE = rng.integers(0, 200, (6, 4)).astype(np.uint8)


def pts(counts=COUNTS, **others):
    return encode_pts(encode_events(counts), encode_map_tags((4, 8), SPECTRUM, **others))


def write(path, content):
    path.write_bytes(content)
    return path


def test_events_are_counted_at_their_frame_pixel_and_energy(tmp_path):
    found = om.signals(om.open(write(tmp_path / "View.pts", pts())))
    assert list(found) == ["EDS_View", "EDS_View_sum"]
    data = found["EDS_View"]
    assert data.dims == ("time", "y", "x", "energy")
    assert data.dtype == np.uint16
    np.testing.assert_array_equal(data, COUNTS)
    np.testing.assert_array_equal(data[1, 3, ::2, 10:500:3], COUNTS[1, 3, ::2, 10:500:3])
    np.testing.assert_array_equal(data[:, 1:3, 4], COUNTS[:, 1:3, 4])
    np.testing.assert_array_equal(data[::2, ::2], COUNTS[::2, ::2])
    np.testing.assert_allclose(data["energy"], -0.002 + 0.01 * (np.arange(4096) - 96))
    np.testing.assert_allclose(data["x"], 178e3 / 40000 / 8 * np.arange(8))
    np.testing.assert_allclose(data["time"], 0.5e-3 * 32 * np.arange(3))
    assert [data[dim].attrs["units"] for dim in data.dims] == ["s", "µm", "µm", "keV"]
    assert (data.attrs["units"], data.attrs["modality"]) == ("counts", "EDS")
    total = found["EDS_View_sum"]
    np.testing.assert_array_equal(total, SPECTRUM)
    np.testing.assert_allclose(total["energy"], -0.002 + 0.01 * np.arange(2048))


def test_metadata_are_in_common_units(tmp_path):
    data = om.signals(om.open(write(tmp_path / "a.pts", pts())))["EDS_a"]
    assert data.attrs["metadata"] == {
        "technique": "EDS",
        "started": "2017-04-07T18:00:00.000",
        "instrument": {"vendor": "JEOL", "model": "JEM-2100F"},
        "beam": {
            "voltage": 200e3,
            "current": 2.5e-9,
            "magnification": 40000.0,
            "mode": "STEM",
        },
        "detector": {
            "name": "EX24075",
            "live_time": 325.5,
            "real_time": 366.5,
            "dispersion": 10.0,
        },
        "scan": {"dwell_time": 5e-4, "frame_time": 0.016},
    }
    measured = data.attrs["original_metadata"]["EDS Data"]["AnalyzableMap MeasData"]
    assert measured["Doc"]["CountRate"] == {"value": 561, "n": 7}


def test_frames_can_be_chosen_and_counted_together(tmp_path):
    path = write(tmp_path / "a.pts", pts())
    data = om.signals(om.open(path, sum_frames=True))["EDS_a"]
    assert data.dims == ("y", "x", "energy")
    assert data.dtype == np.uint32
    np.testing.assert_array_equal(data, COUNTS.sum(axis=0))
    np.testing.assert_array_equal(data[2:, 1], COUNTS.sum(axis=0)[2:, 1])
    chosen = om.signals(om.open(path, frames=(1, 3), sum_frames=True))["EDS_a"]
    np.testing.assert_array_equal(chosen, COUNTS[1:3].sum(axis=0))
    one = om.signals(om.open(path, frames=(2, 9)))["EDS_a"]
    assert one.dims == ("y", "x", "energy")
    np.testing.assert_array_equal(one, COUNTS[2])


def test_channels_can_be_taken_together(tmp_path):
    path = write(tmp_path / "a.pts", pts())
    data = om.signals(om.open(path, rebin_energy=8))["EDS_a"]
    np.testing.assert_array_equal(data, COUNTS.reshape(3, 4, 8, 512, 8).sum(axis=-1))
    assert float(data["energy"][0]) == pytest.approx(-0.002 + 0.01 * (3.5 - 96))
    assert float(data["energy"][1] - data["energy"][0]) == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rebin_energy": 0}, "rebin_energy must be"),
        ({"frames": (2, 2)}, "0 <= first < stop"),
        ({"frames": (7, 9)}, r"3 frames in the stream, none of \(7, 9\)"),
    ],
)
def test_options_that_do_not_fit_are_named(tmp_path, options, message):
    with pytest.raises(FormatError, match=message):
        om.open(write(tmp_path / "a.pts", pts()), **options)


def test_a_part_reads_only_its_rows(tmp_path, monkeypatch):
    from omniscopy.io.jeol import counting

    handle = read(write(tmp_path / "a.pts", pts())).channels[0].data
    seen = []
    real = counting.count_events
    monkeypatch.setattr(
        counting, "count_events", lambda words, *rest: seen.append(len(words)) or real(words, *rest)
    )
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(handle))[2, 1:3], COUNTS[2, 1:3])
    (length,) = seen
    assert COUNTS[2, 1:3].sum() < length < COUNTS[2, 1:3].sum() + 2 + 16 + 16


def test_one_count_is_an_array_without_dimensions(tmp_path):
    handle = read(write(tmp_path / "a.pts", pts())).channels[0].data
    one = handle[0, 0, 0, 4095]
    assert isinstance(one, np.ndarray)
    assert (one.shape, int(one)) == ((), 3)


def test_compiled_counts_are_those_of_plain_python(tmp_path):
    from omniscopy.io.jeol.counting import count_events

    words = encode_events(COUNTS)[:300]
    rows, columns = np.arange(4), np.array([0, 1, -1, 2, -1, 3, -1, 4])
    places = np.arange(4096) // 64
    counts = [np.zeros((4, 5, 64), np.uint16) for _ in range(2)]
    count_events(words, rows, columns, places, counts[0])
    plain = getattr(count_events, "py_func", count_events)  # itself, where nothing is compiled
    plain(words, rows, columns, places, counts[1])
    assert counts[0].sum() > 10
    np.testing.assert_array_equal(*counts)


def with_images():
    seen = rng.integers(0, 4096, COUNTS.shape[:3])
    words = encode_events(COUNTS, images=seen)
    return seen, encode_pts(words, encode_map_tags((4, 8), SPECTRUM))


def test_images_in_the_stream_are_a_channel(tmp_path):
    seen, content = with_images()
    path = write(tmp_path / "a.pts", content)
    found = om.signals(om.open(path))
    assert list(found) == ["EDS_a", "Image_a", "EDS_a_sum"]
    np.testing.assert_array_equal(found["EDS_a"], COUNTS)
    image = found["Image_a"]
    assert image.dims == ("time", "y", "x")
    np.testing.assert_array_equal(image, seen)
    np.testing.assert_array_equal(image[1:, 2, ::3], seen[1:, 2, ::3])
    np.testing.assert_array_equal(image["x"], found["EDS_a"]["x"])
    assert "units" not in image.attrs
    together = om.signals(om.open(path, sum_frames=True))["Image_a"]
    np.testing.assert_array_equal(together, seen.sum(0))
    chosen = om.signals(om.open(path, frames=(1, 3)))["Image_a"]
    np.testing.assert_array_equal(chosen, seen[1:])


def test_brightness_is_added_alike_without_compilation():
    from omniscopy.io.jeol.counting import add_brightness

    seen, _ = with_images()
    words = encode_events(COUNTS[:1], images=seen[:1])
    images = np.zeros((2, 4, 8), np.uint32)
    add_brightness(words, np.arange(4), np.arange(8), images[0])
    plain = getattr(add_brightness, "py_func", add_brightness)
    plain(words, np.arange(4), np.arange(8), images[1])
    np.testing.assert_array_equal(images, seen[:1].repeat(2, 0))


def test_a_map_without_most_of_its_tags_is_read(tmp_path):
    measured = {"Meas Cond": {"Pixels": (12, "8x4")}}
    tags = {"EDS Data": {"AnalyzableMap MeasData": measured}}
    content = encode_pts(encode_events(COUNTS), tags)
    (channel,) = read(write(tmp_path / "a.pts", content)).channels
    assert [axis.units for axis in channel.axes] == [None] * 4
    assert [axis.name for axis in channel.axes] == ["frame", "y", "x", "energy"]
    np.testing.assert_array_equal(channel.data[:, :, :, :], COUNTS)


def test_a_stream_that_is_cut_is_refused_or_read_when_asked(tmp_path):
    content = pts()
    path = write(tmp_path / "a.pts", content[:-400])
    with pytest.raises(FormatError, match=r"a\.pts.*a stream of \d+ bytes is said"):
        om.open(path)
    data = om.signals(om.open(path, partial=True))["EDS_a"]
    assert data.attrs["incomplete"]["missing_from"] == 2
    np.testing.assert_array_equal(data[:2], COUNTS[:2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encode_pts(np.array([1], "<u2"), {"A": (3, 1)}), "do not say how many pixels"),
        (encode_pts(np.array([1], "<u2"), encode_map_tags((4, 8), SPECTRUM)), "0 frames in the"),
        (b"\0\0\0\0PTTDFILE", "a map starts with 304 bytes"),
        (b"4\0\0\0JED-2200:LibJxImageForm", "an image starts with"),
        (encode_image(IMAGE)[:-1150], "no size or there are no pixels"),
    ],
)
def test_damage_is_named(tmp_path, content, message):
    with pytest.raises(FormatError, match=rf"a\.pts.*({message})"):
        om.open(write(tmp_path / "a.pts", content[: len(content)]))


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
def test_an_image_has_its_pixels_and_scale(tmp_path, dtype):
    pixels = IMAGE.astype(dtype) * (1 if dtype == "u1" else 300)
    data = om.open_signal(write(tmp_path / "a.img", encode_image(pixels)))
    assert (data.name, data.dtype) == ("IMG1", np.dtype(dtype))
    np.testing.assert_array_equal(data, pixels)
    np.testing.assert_array_equal(data[1::2, 3], pixels[1::2, 3])
    np.testing.assert_allclose(data["x"], 178e3 / 40000 / 4 * np.arange(4))
    np.testing.assert_allclose(data["y"], 178e3 / 40000 / 4 * np.arange(6))
    assert (data["y"].attrs["units"], data.attrs["modality"]) == ("µm", "STEM")
    assert data.attrs["metadata"]["beam"] == {
        "voltage": 200e3,
        "current": 2.5e-9,
        "magnification": 40000.0,
    }


def test_an_image_without_a_magnification_has_no_scale(tmp_path):
    content = encode_image(IMAGE, Mag=(3, 0), Name=(12, "JSM-7800F"))
    data = om.open_signal(write(tmp_path / "a.img", content))
    assert "units" not in data["x"].attrs or data["x"].attrs["units"] in (None, "1")
    assert data.attrs["modality"] == "SEM"


def project(folder, **options):
    files = {
        "a.img": encode_image(IMAGE),
        "b.map": encode_image(IMAGE + 1, title="Fe K", element=26),
        "c.pts": pts(),
    }
    return write_project(folder / "rawdata.ASW", files, **options)


def test_a_project_has_the_channels_of_its_files(tmp_path):
    tree = om.open(project(tmp_path), sum_frames=True)
    found = om.signals(tree)
    assert list(found) == ["IMG1", "Fe_K", "EDS_c", "EDS_c_sum"]
    np.testing.assert_array_equal(found["Fe_K"], IMAGE + 1)
    assert (found["Fe_K"].attrs["units"], found["Fe_K"].attrs["modality"]) == ("counts", "EDS")
    np.testing.assert_array_equal(found["EDS_c"], COUNTS.sum(axis=0))
    assert tree.attrs["original_metadata"]["Memo"] == "Project"


def test_files_of_a_project_that_are_not_there_are_listed(tmp_path):
    path = project(tmp_path)
    (tmp_path / "Sample/00_View000/b.map").unlink()
    (tmp_path / "Sample/00_View000/a.img").write_bytes(b"other")
    tree = om.open(path)
    assert list(om.signals(tree)) == ["EDS_c", "EDS_c_sum"]
    missing = [name.rpartition("\\")[2] for name in tree.attrs["not_read"]]
    assert missing == ["a.img", "b.map (not there)"]
    (tmp_path / "Sample/00_View000/c.pts").unlink()
    with pytest.raises(FormatError, match=r"rawdata\.ASW.*none of the files.*c\.pts \(not there\)"):
        om.open(path)


def test_views_are_groups_where_there_are_several(tmp_path):
    write(tmp_path / "a.img", encode_image(IMAGE))
    views = {"View000": [".\\a.img"], "View001": [".\\a.img"]}
    path = write(tmp_path / "p.asw", encode_project(views))
    assert list(om.signals(om.open(path))) == ["View000/IMG1", "View001/IMG1"]


@pytest.mark.parametrize("name", ["..\\secret.img", "C:\\secret.img", "/secret.img", "\\\\a\\b\\c"])
def test_files_outside_of_the_folder_of_a_project_are_not_read(tmp_path, name):
    write(tmp_path / "secret.img", encode_image(IMAGE))
    (tmp_path / "below").mkdir()
    path = write(tmp_path / "below/p.asw", encode_project({"View": [name]}))
    with pytest.raises(FormatError, match="not there"):
        om.open(path)


def test_a_project_that_names_nothing_is_refused(tmp_path):
    path = write(tmp_path / "p.asw", encode_project({}))
    with pytest.raises(FormatError, match="names no file"):
        om.open(path)


def test_tags_that_nest_too_deep_or_never_end_are_bounded(tmp_path):
    tree = {"Filename": (12, ".\\a.img")}
    for _ in range(500):
        tree = {"a": tree}
    raw = encode_project({})[:-1] + encode_tags(tree)
    with pytest.raises(FormatError, match="names no file"):
        om.open(write(tmp_path / "p.asw", raw))


@pytest.mark.parametrize("suffix", [".img", ".asw"])
def test_images_and_projects_keep_the_contract_of_readers(tmp_path, suffix):
    path = write(tmp_path / "a.img", encode_image(IMAGE))
    path = path if suffix == ".img" else project(tmp_path)
    check_reader("jeol", path)
    content = path.read_bytes()
    seeded = np.random.default_rng(2)
    damaged = [*bit_flips(content, 60, seeded), *absurd_sizes(content, 60, seeded)]
    for each in [*damaged, *(content[:end] for end in range(1, len(content), 97))]:
        check_damage(path, each, folder=tmp_path)


@pytest.fixture
def entry(real_files):
    (found,) = real_files("jeol_asw")
    return found


@pytest.mark.shared
def test_the_real_project_has_the_values_of_the_manifest(shared, entry):
    # The reference counts all frames together by itself.
    found = om.signals(om.open(shared / "data/vendor" / entry["file"], sum_frames=True))
    titles = ["IMG1", "C_K", "O_K", "S_K", "Fe_K", "Cu_K", "EDS_View000_0000006"]
    # The spectrum that is kept beside the events is a channel of its own.
    assert list(found) == [*titles, "EDS_View000_0000006_sum"]
    for title, expected in zip(titles, entry["signals"], strict=True):
        data = found[title]
        assert list(data.shape) == expected["shape"]
        digest = hashlib.sha256()
        for row in range(0, len(data), 32):
            # The reference takes the smallest type that holds the counts.
            digest.update(data[row : row + 32].values.astype(expected["dtype"]).tobytes())
        assert digest.hexdigest()[:32] == expected["sha256"]
        for dim, axis in zip(data.dims, expected["axes"], strict=True):
            steps = data[dim].values
            assert steps[0] == pytest.approx(axis["offset"])
            assert steps[1] - steps[0] == pytest.approx(axis["scale"])
            assert data[dim].attrs["units"] == axis["units"]


@pytest.mark.shared
def test_frames_of_the_real_stream_are_fourteen_sweeps(shared, entry):
    path = next(
        c["file"] for c in entry["companion_files"] if c["file"].endswith("View000_0000006.pts")
    )
    data = om.signals(om.open(shared / "data/vendor" / path))["EDS_View000_0000006"]
    assert data.sizes["time"] == 14
    assert float(data["time"][1]) == pytest.approx(26.2144)
    part = data[:, 100:104].sum(("time", "energy"))
    summed = om.signals(om.open(shared / "data/vendor" / path, sum_frames=True))
    np.testing.assert_array_equal(part, summed["EDS_View000_0000006"][100:104].sum("energy"))


@pytest.mark.shared
def test_every_file_of_the_real_project_opens_alone(shared, entry):
    for companion in entry["companion_files"]:
        assert om.io.identify(shared / "data/vendor" / companion["file"]) == "jeol"
