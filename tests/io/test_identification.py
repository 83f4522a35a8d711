"""Files are known by their content, and refused in words."""

import os

import pytest

from omniscopy import io
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.manifests import all_formats, find_format, parse_manifest

# Formats that nothing but the extension of a file can tell, each with the reason.
WITHOUT_SIGNATURE: dict[str, str] = {}


def test_formats_without_a_signature_are_listed():
    unsigned = {
        form.name
        for form in all_formats().values()
        if form.reads and not form.bridge and not (form.magic or form.probe)
    }
    assert unsigned == set(WITHOUT_SIGNATURE)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.dm4"
    path.touch()
    with pytest.raises(FormatError, match="is empty"):
        io.open(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FormatError, match="there is no such file"):
        io.open(tmp_path / "nothing.dm4")


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "secret.dm4"
    path.write_bytes(b"x")

    opened = type(path).open

    def refuse(self, *args, **kwargs):  # the superuser may read any file, so chmod proves nothing
        if self == path:
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **kwargs)

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(FormatError, match="no permission"):
        io.open(path)


def test_a_folder_that_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(UnsupportedFormatError, match="folder is not a data set"):
        io.open(tmp_path)


def test_foreign_bytes_are_refused_with_what_they_start_with(tmp_path):
    path = tmp_path / "picture.bin"
    path.write_bytes(b"\x89PNX\r\n\x1a\n" + bytes(200))
    with pytest.raises(UnsupportedFormatError, match="89 50 4e 58") as caught:
        io.identify(path)
    assert caught.value.path == str(path)


def test_a_wrong_extension_is_said_to_be_wrong(tmp_path):
    path = tmp_path / "spectrum.dm4"
    path.write_bytes(b"not what it says" * 10)
    with pytest.raises(UnsupportedFormatError, match=r"DigitalMicrograph, but the content is not"):
        io.identify(path)


def test_every_manifest_is_complete_and_its_code_is_there():
    for form in all_formats().values():
        assert form.title, form.name
        assert form.extensions, form.name
        assert form.reads or form.writes, form.name
        if form.reads:
            assert callable(form.reader())
        if form.writes:
            assert callable(form.writer())
        if form.probe:
            assert callable(form.prober())


def test_formats_are_found_by_name_alias_and_extension():
    assert find_format("dm").name == "dm"
    assert find_format("DM4").name == "dm"
    assert find_format(".ibw").name == "igor"
    with pytest.raises(UnsupportedFormatError, match="no format called 'xyzzy'; known are"):
        find_format("xyzzy")


def test_the_table_of_formats_lists_each_once():
    table = io.formats()
    names = [row["name"] for row in table]
    assert names == sorted(set(names))
    assert "Gatan DigitalMicrograph" in str(table)


def test_a_plugged_in_format_is_read_from_its_manifest(tmp_path, monkeypatch):
    package = tmp_path / "mylab_format"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported too early')\n")
    manifest = 'name = "mylab"\ntitle = "My lab"\nextensions = [".LAB"]\nreads = true\n'
    (package / "format.toml").write_text(manifest + '[[magic]]\nhex = "4c41423e"\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    from importlib.metadata import EntryPoint

    from omniscopy.io import manifests

    entry = EntryPoint("mylab", "mylab_format", "omniscopy.readers")
    monkeypatch.setattr(
        manifests.importlib.metadata,
        "entry_points",
        lambda group: [entry] if group == "omniscopy.readers" else [],
    )
    all_formats.cache_clear()
    try:
        path = tmp_path / "file.bin"
        path.write_bytes(b"LAB>....")
        assert io.identify(path) == "mylab"
        assert find_format(".lab").package == "mylab_format"
    finally:
        monkeypatch.undo()
        all_formats.cache_clear()


def test_text_and_bytes_of_a_magic_rule_are_both_needed():
    rule = 'name="a"\ntitle="A"\nextensions=[]\n[[magic]]\nhex="4142"\noffset=1\ntext="end$"\n'
    (magic,) = parse_manifest(rule, "x").magic
    assert magic.matches(b"-AB the end")
    assert not magic.matches(b"AB the end")
    assert not magic.matches(b"-AB the end.")


def test_an_error_of_a_reader_that_names_no_file_gets_its_name(tmp_path, monkeypatch):
    from omniscopy.io.manifests import Format

    def read(path, *, partial):
        raise UnsupportedFormatError("a strange kind", key="a/b")  # noqa: EM101

    monkeypatch.setattr(Format, "reader", lambda form: read)
    path = tmp_path / "file.dm4"
    path.write_bytes(b"anything")
    with pytest.raises(
        UnsupportedFormatError, match=r"file\.dm4 at 'a/b': a strange kind"
    ) as caught:
        io.open(path, reader="dm")
    assert (caught.value.path, caught.value.key) == (str(path), "a/b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mrc")
    with pytest.raises(FormatError, match=r"pipe\.mrc: this is no file but a pipe"):
        io.identify(tmp_path / "pipe.mrc")
