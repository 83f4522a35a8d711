"""What every format must keep, whichever it is: a new one is in here by being registered."""

import os
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.manifests import find_format
from omniscopy.testing.files import (
    afm_workshop,
    aist,
    anasys,
    andor,
    arina,
    asylum_ardf,
    asylum_hdf5,
    band_excitation,
    blockfile,
    bruker_bcf,
    bruker_spx,
    createc,
    delmic,
    digitalsurf,
    dm,
    edax,
    edax_ang,
    edax_apex,
    edax_oim,
    empad,
    fast_free,
    frms6,
    gosh,
    gwyddion,
    hamamatsu,
    high_speed_afm,
    igor,
    igor_packed,
    jeol,
    jpk,
    jpk_hdf5,
    labspec,
    logs,
    matlab,
    merlin,
    mrc,
    nanonis,
    nanonis_spectra,
    nanoscope,
    nanosurf,
    nanosurf_studio,
    neaspec,
    nion,
    norpix,
    nt_mdt,
    omicron_asc,
    omicron_scala,
    oxford,
    pantarhei,
    phenom,
    pictures,
    pifm,
    princeton,
    quadstar,
    renishaw,
    rhk,
    semper,
    spmlab,
    surfaces,
    tia,
    tiff,
    tofwerk,
    topostats,
    topspin,
    trivista,
    tvips,
    velox,
    witec,
    wsxm,
)
from omniscopy.testing.formats import (
    absurd_sizes,
    bit_flips,
    check_damage,
    check_reader,
    readable_formats,
    truncations,
)

rng = np.random.default_rng(7)
IMAGE = rng.integers(0, 1000, (12, 9)).astype(np.int16)
PIXELS = ((0.0, 1e-9, 0), (0.0, 1e-9, 0))


def force_map(path: Path) -> None:
    curves = [[{"Defl": IMAGE[x, :n] * 1e-9} for x, n in enumerate((9, 7))]]
    asylum_hdf5.write_asylum_map(path, curves, np.array([[5, 4]]))


def ramps(path: Path) -> None:
    curves = [[[{"Defl": IMAGE[x, :8] * 1e-9}] for x in range(2)] for _ in range(2)]
    turns = np.full((2, 2), 4)
    path.write_bytes(asylum_ardf.encode_ardf(curves=curves, turns=turns, images={"Height": IMAGE}))


def counted_map(path: Path) -> None:
    spectrum = bruker_spx.encode_spectrum(IMAGE.sum(axis=0))
    image = bruker_bcf.encode_image({"SE": IMAGE[:2, :3].astype(np.uint16)})
    counts = np.stack([[IMAGE[x + 3 * y] // 300 for x in range(3)] for y in range(2)])
    packings = ("pulses", "channels", "channels and pulses")
    files = {
        "HeaderData": bruker_bcf.encode_header(images=[image], spectra=[spectrum]),
        "SpectrumData0": bruker_bcf.encode_map(counts, packings=packings),
    }
    bruker_bcf.write_sfs(path, files, chunk_bytes=512)
    om.open(path, chunks=None)  # what is compiled once is compiled before anything is timed


def events(path: Path) -> None:
    counts = np.zeros((2, 2, 3, 4096), np.int64)
    counts[..., :9] = IMAGE.reshape(2, 2, 3, 9) // 300
    tags = jeol.encode_map_tags((2, 3), np.arange(64))
    path.write_bytes(jeol.encode_pts(jeol.encode_events(counts), tags))
    om.open(path, chunks=None)  # what is compiled once is compiled before anything is timed


def project(path: Path) -> None:
    tiff = phenom.encode_tiff(IMAGE.astype(np.uint8), phenom.encode_image_text())
    counts = IMAGE[:4].reshape(2, 2, 9)
    place = (-0.5, -0.5, 0.5, 0.5)
    measured = [
        phenom.encode_dataset("Spot", 1, IMAGE[0], place=(0.0, 0.0)),
        phenom.encode_dataset("Map", 2, counts, place=place),
    ]
    phenom.write_elid(path, phenom.encode_project([("Image 1", tiff, measured)]))


def plain_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["images/first"] = IMAGE
        file["images/second"] = IMAGE.astype(np.float64)
        file["about"] = "two images"


def saved(path: Path) -> None:
    om.save(om.samples.spectrum_image(), path)


def saved_spectrum(path: Path) -> None:
    om.save(om.samples.spectrum(), path)


# How a small sound file of each format is made; those that are written are saved.
MAKERS = {
    "afm_workshop": (
        ".csv",
        lambda path: afm_workshop.write_afm_workshop(
            path, {"Extend Z-Sense(nm)": IMAGE[0], "Extend T-B(V)": IMAGE[1]}
        ),
    ),
    "alicona": (".al3d", lambda path: surfaces.write_al3d(path, IMAGE * 1e-6, IMAGE % 200)),
    "bcr": (".bcrf", lambda path: surfaces.write_bcr(path, IMAGE.astype(np.float32))),
    "dektak": (
        ".opdx",
        lambda path: surfaces.write_opdx(path, {"Raw": IMAGE[0]}, {"Map": IMAGE}),
    ),
    "frt": (".frt", lambda path: surfaces.write_frt(path, IMAGE.astype(np.uint16))),
    "gwyddion_text": (".txt", lambda path: surfaces.write_gwyddion_text(path, IMAGE * 1e-9)),
    "igor_packed": (".pxp", lambda path: igor_packed.write_pxp(path, [(IMAGE.T, {})])),
    "metropro": (".dat", lambda path: surfaces.write_metropro(path, IMAGE, IMAGE[None])),
    "nanofocus": (".nms", lambda path: surfaces.write_nms(path, IMAGE, IMAGE % 200)),
    "picoview": (".mi", lambda path: surfaces.write_mi(path, [("Topography", IMAGE, 2.0, "um")])),
    "sdf": (".sdf", lambda path: surfaces.write_sdf(path, IMAGE)),
    "createc": (".dat", lambda path: createc.write_createc(path, [IMAGE + 1, IMAGE])),
    "high_speed_afm": (
        ".asd",
        lambda path: high_speed_afm.write_asd(path, {"TP": IMAGE[None], "PH": IMAGE[None]}),
    ),
    "jpk_hdf5": (
        ".h5-jpk",
        lambda path: jpk_hdf5.write_h5_jpk(path, [("height", "m", False, IMAGE[None], (1e-9, 0))]),
    ),
    "rhk_sm4": (".sm4", lambda path: rhk.write_sm4(path, [rhk.RhkPage(IMAGE.astype(np.int32))])),
    "sensofar": (".plu", lambda path: surfaces.write_plu(path, [IMAGE])),
    "x3p": (".x3p", lambda path: surfaces.write_x3p(path, IMAGE * 1e-6)),
    "anasys": (".axz", lambda path: anasys.write_axz(path, [anasys.AnasysMap(IMAGE)])),
    "band_excitation": (
        "_parms.txt",
        lambda path: band_excitation.write_odf(
            path,
            {"read": IMAGE.reshape(3, 4, 9) * (1 - 2j)},
            band_excitation.encode_parameters((3, 4), bins=9),
        ),
    ),
    "blockfile": (
        ".blo",
        lambda path: blockfile.write_blockfile(
            path, np.stack([[IMAGE[:9].astype(np.uint8)] * 2] * 3)
        ),
    ),
    "bruker_bcf": (".bcf", counted_map),
    "bruker_spx": (
        ".spx",
        lambda path: bruker_spx.write_spx(path, bruker_spx.encode_spectrum(IMAGE.ravel())),
    ),
    "dm": (".dm4", lambda path: dm.write_dm4(path, dm.DmImage(data=IMAGE))),
    "tofwerk": (
        ".h5",
        lambda path: tofwerk.write_tofdaq(
            path, peaks=IMAGE.reshape(1, 3, 4, 9).astype(np.float32), masses=range(1, 10)
        ),
    ),
    "oxford": (
        ".h5oina",
        lambda path: oxford.write_h5oina(
            path, {"EDS": {"Spectrum": IMAGE.reshape(3, 4, 9)}}, grid=(3, 4)
        ),
    ),
    "dm5": (".dm5", lambda path: dm.write_dm5(path, dm.DmImage(data=IMAGE))),
    "asylum_ardf": (".ardf", ramps),
    "asylum_hdf5": (".h5", force_map),
    "edax": (".spd", lambda path: edax.write_spd(path, IMAGE.astype("u2").reshape(3, 4, 9))),
    "edax_ang": (
        ".ang",
        lambda path: edax_ang.write_ang(path, np.round(IMAGE.reshape(-1, 12)[:9, :10], 3), (3, 3)),
    ),
    "empad": (".xml", lambda path: empad.write_empad(path, np.ones((2, 128, 128)))),
    "fast_free": (
        ".cfg",
        lambda path: fast_free.write_fast_free(path, np.ones((4, 3, 20), np.float32)),
    ),
    "gsf": (".gsf", lambda path: gwyddion.write_gsf(path, IMAGE * 1e-9, {"Title": "Height"})),
    "gwyddion": (
        ".gwy",
        lambda path: gwyddion.write_gwy(path, {"/0/data": gwyddion.gwy_field(IMAGE * 1e-9)}),
    ),
    "igor": (
        ".ibw",
        lambda path: igor.write_asylum_image(
            path, {"HeightTrace": IMAGE * 1e-9, "PhaseTrace": IMAGE * 0.1}, pixel_size=(1e-9, 2e-9)
        ),
    ),
    "matlab": (".mat", lambda path: matlab.write_mat(path, {"map": IMAGE}, packed=True)),
    "merlin": (
        ".mib",
        lambda path: merlin.write_merlin(path, np.uint8([IMAGE % 64] * 4), settings=False),
    ),
    "image": (".png", lambda path: pictures.write_png(path, np.uint8(IMAGE % 256))),
    "jeol": (".pts", events),
    "jpk": (
        ".jpk-force",
        lambda path: jpk.write_jpk_force(
            path, [jpk.JpkSegment({"vDeflection": jpk.JpkChannel(IMAGE.ravel())})]
        ),
    ),
    "mrc": (".mrc", lambda path: mrc.write_mrc(path, IMAGE[None], cell=(9.0, 12.0, 1.0))),
    "msa": (".msa", saved_spectrum),
    "nanonis": (
        ".sxm",
        lambda path: nanonis.write_sxm(
            path, [nanonis.SxmChannel(forward=IMAGE * 1e-12, backward=IMAGE * 2e-12)]
        ),
    ),
    "nanonis_3ds": (
        ".3ds",
        lambda path: nanonis_spectra.write_3ds(path, {"Current (A)": IMAGE[:8].reshape(3, 4, 6)}),
    ),
    "nanonis_dat": (
        ".dat",
        lambda path: nanonis_spectra.write_dat(
            path, {"Bias (V)": np.arange(108.0), "Current (A)": IMAGE.ravel() * 1e-12}
        ),
    ),
    "nanoscope": (
        ".spm",
        lambda path: nanoscope.write_nanoscope(path, [nanoscope.NanoscopeImage(counts=IMAGE)]),
    ),
    "nanosurf_hdf5": (
        ".nhf",
        lambda path: nanosurf_studio.write_nhf(path, {"Forward": {"Topography": IMAGE}}),
    ),
    "nanosurf": (".nid", lambda path: nanosurf.write_nid(path, [nanosurf.NidChannel(IMAGE)])),
    "nt_mdt": (".mdt", lambda path: nt_mdt.write_mdt(path, [nt_mdt.MdtScan(IMAGE)])),
    "tia": (".ser", lambda path: tia.write_ser(path, IMAGE[None], calibration=PIXELS)),
    "npy": (".npy", lambda path: np.save(path, IMAGE)),
    "omicron_asc": (".asc", lambda path: omicron_asc.write_asc(path, IMAGE * 1e-3)),
    "pantarhei": (".prz", lambda path: pantarhei.write_prz(path, IMAGE)),
    "phenom": (".elid", project),
    "pifm": (".txt", lambda path: pifm.write_anfatec(path, [pifm.AnfatecImage(IMAGE)])),
    "renishaw": (
        ".wdf",
        lambda path: renishaw.write_wdf(path, IMAGE.astype("f4"), np.arange(9.0) ** 2),
    ),
    "andor": (
        ".sif",
        lambda path: andor.write_sif(
            path, andor.AndorSection([andor.AndorArea(IMAGE[None].astype("f4"), (1, 12, 9, 1))])
        ),
    ),
    "princeton": (
        ".spe",
        lambda path: princeton.write_spe3(
            path, [princeton.SpeRegion(IMAGE[None].astype("u2"))], wavelengths=range(500, 509)
        ),
    ),
    "labspec": (
        ".xml",
        lambda path: labspec.write_labspec(
            path,
            IMAGE,
            np.arange(9.0) ** 2,
            axes=[labspec.LabSpecAxis("X", range(4)), labspec.LabSpecAxis("Y", range(3))],
        ),
    ),
    "trivista": (
        ".tvf",
        lambda path: trivista.write_trivista(
            path, [trivista.TriVistaDocument(IMAGE[:, None], np.arange(9.0) ** 2)]
        ),
    ),
    "hamamatsu": (
        ".img",
        lambda path: hamamatsu.write_img(
            path, [hamamatsu.StreakImage(IMAGE.astype("u2"), np.arange(9.0), 0.5)]
        ),
    ),
    "digitalsurf": (
        ".sur",
        lambda path: digitalsurf.write_sur(path, [digitalsurf.SurObject(IMAGE)], streams=2),
    ),
    "impulse": (".csv", lambda path: logs.write_impulse(path, {"A (degC)": IMAGE[0]}, range(9))),
    "protochips": (
        ".csv",
        lambda path: logs.write_protochips(path, {"A Current": IMAGE[0].tolist()}, range(9)),
    ),
    "dens": (
        ".dens",
        lambda path: logs.write_dens(
            path, IMAGE[:, :6].tolist(), [f"13:54:{n:05.2f}" for n in range(12)]
        ),
    ),
    "quadstar": (
        ".sac",
        lambda path: quadstar.write_sac(path, {"SEM": IMAGE[:, :8].astype("f4")}, range(12)),
    ),
    "tiff": (".tif", lambda path: tiff.write_tiff(path, IMAGE)),
    "velox": (
        ".emd",
        lambda path: velox.write_velox(path, [velox.VeloxImage(data=IMAGE.astype(np.uint16))]),
    ),
    "csv": (".csv", saved_spectrum),
    "zspy": (
        ".zspy",
        lambda path: om.save(om.samples.spectrum_image(), path, packed=True),
    ),
    "tvips": (".tvips", lambda path: tvips.write_tvips(path, np.uint16([IMAGE] * 3))),
    "norpix": (".seq", lambda path: norpix.write_seq(path, np.uint16([IMAGE] * 3))),
    "semper": (".unf", lambda path: semper.write_semper(path, IMAGE)),
    "npz": (".npz", lambda path: np.savez_compressed(path, one=IMAGE, two=IMAGE.T)),
    "delmic": (
        ".h5",
        lambda path: delmic.write_delmic(
            path, [delmic.DelmicAcquisition(IMAGE.astype(np.uint16)[None, None, None])]
        ),
    ),
    "topspin": (
        ".app5",
        lambda path: topspin.write_topspin(path, np.float32([[IMAGE] * 3] * 2)),
    ),
    "nion": (
        ".ndata",
        lambda path: nion.write_ndata(path, IMAGE, nion.item_properties([(0.0, 1.0, "nm")] * 2)),
    ),
    "edax_apex": (
        ".edaxh5",
        lambda path: edax_apex.write_apex(path, cube=np.int16([IMAGE]), spectrum=IMAGE[0]),
    ),
    "edax_oim": (
        ".oh5",
        lambda path: edax_oim.write_oim(path, {"Phi1": IMAGE, "CI": IMAGE}, steps=(0.5, 0.5)),
    ),
    "topostats": (".topostats", lambda path: topostats.write_topostats(path, IMAGE)),
    "frms6": (".frms6", lambda path: frms6.write_frms6(path, np.uint16([IMAGE] * 3))),
    "gosh": (
        ".gosh",
        lambda path: gosh.write_gosh(
            path, {"O/K1": gosh.Strengths(np.arange(1.0, 6.0), np.arange(4.0), np.ones((5, 4)))}
        ),
    ),
    "hdf5_arrays": (".h5", plain_hdf5),
    "arina": (
        "_master.h5",
        lambda path: arina.write_arina(path, np.uint16([IMAGE] * 6), packed=None),
    ),
    "omicron_scala": (
        ".par",
        lambda path: omicron_scala.write_scala(path, [("Z", "Forward", IMAGE.astype("i2"))]),
    ),
    "neaspec": (
        ".txt",
        lambda path: neaspec.write_neaspec(path, {"O1A": np.ones((4, 5, 1, 8))}, np.arange(8.0)),
    ),
    "spmlab": (".zfr", lambda path: spmlab.write_spmlab(path, IMAGE.astype("u2"))),
    "aist": (".aist", lambda path: aist.write_aist(path, {"Height [nm]": IMAGE, "Phase": IMAGE})),
    "keyence": (".vk4", lambda path: surfaces.write_vk4(path, [IMAGE.astype("u4")])),
    "wyko": (".opd", lambda path: surfaces.write_opd(path, {"RAW_DATA": IMAGE.astype("f4")})),
    "witec": (
        ".wip",
        lambda path: witec.write_witec(
            path, [("TDImage", {"Caption": "Height", "values": IMAGE.astype("f4")})]
        ),
    ),
    "wsxm": (".top", lambda path: wsxm.write_wsxm_image(path, IMAGE)),
}
FOLDERS = {"zarr"}
FILES = sorted(set(readable_formats()) - FOLDERS)


def make_sample(name: str, folder: Path) -> Path:
    """Make a small sound file of a format, with all that belongs to it beside it."""
    suffix, make = MAKERS.get(name, (find_format(name).extensions[0], saved))
    path = folder / f"sample{suffix}"
    make(path)
    return path


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    made: dict[str, Path] = {}

    def sample(name: str) -> Path:
        if name not in made:
            made[name] = make_sample(name, tmp_path_factory.mktemp(name))
        return made[name]

    return sample


@pytest.mark.parametrize("name", readable_formats())
def test_a_sound_file_is_read_as_the_contract_asks(name, samples):
    path = samples(name)
    check_reader(name, path)
    tree = om.open(path)
    assert om.validate(tree) == []
    for data in om.signals(tree).values():
        assert om.history(data)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_known_without_its_extension(name, samples, tmp_path):
    path = tmp_path / "no_extension_at_all"
    path.write_bytes(samples(name).read_bytes())
    assert om.io.identify(path) == name


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_is_refused_by_name(name, samples, tmp_path):
    path = samples(name)
    content = path.read_bytes()
    step = max(len(content) // 64, 1024)
    for part in truncations(content, step):
        check_damage(path, part, folder=tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_opened_in_part_or_refused(name, samples, tmp_path):
    content = samples(name).read_bytes()
    path = tmp_path / f"part{samples(name).suffix}"
    path.write_bytes(content[: int(len(content) * 0.97)])
    whole = om.signals(om.open(samples(name)))
    try:
        found = om.signals(om.open(path, partial=True))
    except om.FormatError as error:
        found, message = {}, str(error)
    if not found:
        assert str(path) in message
        return
    marked = ["incomplete" in data.attrs for data in found.values()]
    same = [found[key].equals(whole[key]) for key in found if key in whole]
    assert any(marked) or all(same), "what is missing is marked"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [bit_flips, absurd_sizes])
def test_damaged_bytes_are_read_or_refused_in_bounded_time_and_memory(
    name, damage, samples, tmp_path
):
    path = samples(name)
    seeded = np.random.default_rng(11)
    for content in damage(path.read_bytes(), 60, seeded):
        check_damage(path, content, folder=tmp_path)


def removed(file: Path) -> None:
    file.unlink()


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size * 2 // 3)


def replaced(file: Path) -> None:
    """Write the same number of other bytes, as of another measurement."""
    content, written = file.read_bytes(), file.stat().st_mtime_ns
    file.write_bytes(content[: len(content) // 2] + content[len(content) // 2 :][::-1])
    os.utime(file, ns=(written, written + 10**9))  # clocks of some systems count in seconds


@pytest.mark.parametrize("damage", [removed, cut_short, replaced])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_changed_since_it_was_opened_is_refused(name, damage, samples, tmp_path):
    path = samples(name)
    folder = shutil.copytree(path.parent, tmp_path / "copy")
    lazy = [each for each in om.signals(om.open(folder / path.name)).values() if each.chunks]
    for file in [each for each in folder.rglob("*") if each.is_file()]:
        damage(file)
    for data in lazy:
        with pytest.raises(om.FormatError, match=re.escape(str(folder))):
            data.compute()


@pytest.mark.parametrize("name", FILES)
def test_foreign_bytes_under_its_extension_are_refused(name, samples, tmp_path):
    path = tmp_path / f"foreign{samples(name).suffix}"
    path.write_bytes(b"\x89PNX\r\n\x1a\n" + bytes(range(256)) * 20)
    with pytest.raises(om.FormatError, match="foreign"):
        om.open(path)
