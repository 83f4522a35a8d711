"""Zarr stores behind URLs: in an object store that speaks S3, in memory, on a web server."""

import functools
import http.server
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import dask.array as da
import fsspec
import numpy as np
import pytest
import xarray as xr
import zarr

import omniscopy as om
from omniscopy.io.errors import FormatError, MissingDependencyError, UnsupportedFormatError
from omniscopy.io.remote import RemotePath, is_url, locate
from omniscopy.io.saving import from_tree

KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return the address of an object store on this machine, which is empty at first."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with log.open("w") as file:
        command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 120
        while "Running on " not in (said := log.read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        yield said.partition("Running on ")[2].split()[0]
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def bucket(server, monkeypatch, request):
    """Return the URL of a new bucket, to which the environment has the keys."""
    for key, value in (KEYS | {"AWS_ENDPOINT_URL": server}).items():
        monkeypatch.setenv(key, value)
    name = f"bucket-{abs(hash(request.node.name)) % 10**10}"
    client = boto3.client("s3")
    client.create_bucket(Bucket=name)
    yield f"s3://{name}"
    client.close()


def objects(url):
    """Return the names of all objects at a URL."""
    place = locate(url)
    return sorted(place.listing())


def movie(frames=8, **attrs):
    values = np.random.default_rng(0).integers(0, 1000, (frames, 6, 5)).astype("u2")
    coords = {
        "frame": ("frame", np.arange(frames) * 2.0, {"units": "s", "kind": "temporal"}),
        "y": ("y", np.arange(6) * 0.5, {"units": "nm", "kind": "spatial"}),
        "x": ("x", np.arange(5) * 0.5, {"units": "nm", "kind": "spatial"}),
    }
    return xr.DataArray(values, coords, name="HAADF", attrs={"units": "counts", **attrs})


def in_chunks(data):
    return data.chunk(frame=2)


def test_what_is_saved_to_a_bucket_comes_back_as_it_was(bucket):
    data = movie(metadata={"beam": {"voltage": 2e5}})
    url = f"{bucket}/deep/below/movie.zarr"
    assert om.save(in_chunks(data), url) == url
    back = from_tree(om.open(url))
    assert back.chunks is not None
    xr.testing.assert_identical(back.compute().drop_attrs(deep=False), data.drop_attrs(deep=False))
    assert back.attrs["metadata"] == data.attrs["metadata"]
    assert om.io.identify(url) == "zarr"
    assert om.io.info(url)["channels"][0]["shape"] == [8, 6, 5]
    assert om.io.info(url)["path"] == url


def test_trees_with_text_and_fits_come_back_from_a_bucket(bucket):
    fit = om.signal.fit_model(om.samples.spectrum_image().chunk(), om.signal.Offset())
    om.save(
        fit.assign_coords(label=("y", [f"row {n}" for n in range(fit.sizes["y"])])),
        bucket + "/f.zarr",
    )
    back = from_tree(om.open(bucket + "/f.zarr"))
    assert back["label"].values.tolist() == [f"row {n}" for n in range(fit.sizes["y"])]
    np.testing.assert_array_equal(back["offset_value"], fit["offset_value"])
    assert [step.id for step in om.history(back)] == [step.id for step in om.history(fit)]


def test_chunks_are_fetched_when_they_are_asked_for(bucket):
    url = f"{bucket}/movie.zarr"
    om.save(in_chunks(movie()), url)
    opened = om.open_signal(url, chunks={"frame": 2})
    place = locate(f"{url}/HAADF/signal/c")
    assert len(place.listing()) == 4
    for number in (0, 1, 3):
        (place / f"{number}/0/0").remove()
    np.testing.assert_array_equal(opened[4:6], movie()[4:6])
    with pytest.raises(
        FormatError, match=r"c/3/0/0': a chunk is missing; the store was not copied"
    ):
        opened[7].compute()


def test_few_requests_open_a_store_and_one_fetches_a_chunk(bucket, monkeypatch):
    """The root holds the descriptions of all groups and arrays."""
    from s3fs import S3FileSystem

    url = f"{bucket}/movie.zarr"
    om.save(in_chunks(movie()), url)
    calls = []
    before = S3FileSystem._call_s3

    async def counted(self, method, *words, **options):
        calls.append((method, options.get("Key", "")))
        return await before(self, method, *words, **options)

    monkeypatch.setattr(S3FileSystem, "_call_s3", counted)
    opened = om.open_signal(url, chunks={"frame": 2})
    # Of the root; two for each coordinate of a dimension; the list, since nothing is known of
    # where the data come from.
    assert len(calls) <= 6 + 2 * 3 + 1
    assert not [key for _, key in calls if "signal" in key]
    calls.clear()
    opened[:2].compute()
    chunk = "movie.zarr/HAADF/signal"
    assert calls == [("get_object", f"{chunk}/zarr.json"), ("get_object", f"{chunk}/c/0/0/0")]
    calls.clear()
    opened[2:6].compute()
    assert sorted(calls) == [("get_object", f"{chunk}/c/{n}/0/0") for n in (1, 2)]


def test_other_programs_read_what_was_saved(bucket):
    url = f"{bucket}/movie.zarr"
    om.save(in_chunks(movie()), url)
    root = zarr.open_group(url, mode="r")
    np.testing.assert_array_equal(root["HAADF/signal"][...], movie())
    with xr.open_datatree(url, engine="zarr") as tree:
        np.testing.assert_array_equal(tree["HAADF/signal"], movie())
        assert tree["HAADF"]["y"].attrs["units"] == "nm"


def test_stores_of_other_programs_are_read_and_their_content_is_recorded(bucket, tmp_path):
    root = zarr.open_group(f"{bucket}/other.zarr", mode="w")
    root.create_array("counts", data=np.arange(12.0).reshape(3, 4), chunks=(1, 4))
    data = om.open_signal(f"{bucket}/other.zarr")
    np.testing.assert_array_equal(data, np.arange(12.0).reshape(3, 4))
    source = om.history(data)[0].inputs["path"]
    assert source["file"] == f"{bucket}/other.zarr"
    fsspec.filesystem("s3").get(
        f"{bucket}/other.zarr", str(tmp_path / "other.zarr"), recursive=True
    )
    local = om.history(om.open_signal(tmp_path / "other.zarr"))[0].inputs["path"]
    assert {**local, "file": ""} == {**source, "file": ""}


def test_a_result_is_replayed_from_the_bucket_that_its_data_were_in(bucket):
    root = zarr.open_group(f"{bucket}/other.zarr", mode="w")
    array = root.create_array("counts", data=np.arange(12.0).reshape(3, 4), chunks=(1, 4))
    made = om.signal.mean_over(om.open_signal(f"{bucket}/other.zarr"), "dim_1")
    xr.testing.assert_equal(om.replay(made), made)
    array.resize((300, 4))
    with pytest.raises(om.DataError, match=r"other\.zarr is not what was recorded"):
        om.replay(made)


def test_a_store_that_was_written_anew_is_read_anew(bucket):
    url = f"{bucket}/movie.zarr"
    om.save(movie(), url)
    first = om.open_signal(url)
    assert int(first.sum()) == int(movie().sum())
    time.sleep(1.1)  # the clock of S3 has seconds
    om.save(movie() * 0, url, overwrite=True)
    second = om.open_signal(url)
    assert int(second.sum()) == 0
    assert first.data.name != second.data.name


def test_a_place_that_is_taken_is_not_written_to(bucket):
    url = f"{bucket}/movie.zarr"
    om.save(movie(), url)
    kept = objects(bucket)
    with pytest.raises(FileExistsError, match="give `overwrite=True`"):
        om.save(movie(), url)
    fsspec.filesystem("s3").pipe_file(f"{bucket}/notes/read.me", b"mine")
    with pytest.raises(FileExistsError, match="no Zarr store; they are not deleted"):
        om.save(movie(), f"{bucket}/notes", format="zarr", overwrite=True)
    with pytest.raises(FileExistsError, match="no Zarr store; they are not deleted"):
        om.save(movie(), bucket, format="zarr", overwrite=True)  # above a store
    with pytest.raises(UnsupportedFormatError, match="they are no Zarr store"):
        om.open(bucket)
    assert set(objects(bucket)) == {*kept, "notes/read.me"}


def test_replacing_a_store_touches_nothing_beside_it(bucket):
    om.save(movie(), f"{bucket}/a.zarr")
    om.save(movie(), f"{bucket}/a.zarr2", format="zarr")
    beside = objects(f"{bucket}/a.zarr2")
    om.save(movie(2), f"{bucket}/a.zarr", overwrite=True)
    assert objects(f"{bucket}/a.zarr2") == beside
    assert om.open_signal(f"{bucket}/a.zarr").sizes["frame"] == 2


def test_data_are_not_saved_onto_what_they_come_from(bucket):
    root = zarr.open_group(f"{bucket}/other.zarr", mode="w")
    root.create_array("counts", data=np.arange(3.0))
    data = om.open_signal(f"{bucket}/other.zarr")
    with pytest.raises(om.DataError, match="is a source of this data and is not written to"):
        om.save(data * 2, f"{bucket}/other.zarr", overwrite=True)


def test_a_write_that_fails_leaves_nothing(bucket):
    def fail(block):
        if block[0, 0, 0] == movie()[6, 0, 0]:
            message = "the last block cannot be made"
            raise RuntimeError(message)
        return block

    values = in_chunks(movie()).data.map_blocks(fail, dtype="u2", meta=np.empty((0, 0, 0), "u2"))
    with pytest.raises(RuntimeError, match="the last block"):
        om.save(movie().copy(data=values), f"{bucket}/movie.zarr")
    assert objects(bucket) == []


SLOWLY = """
import sys, time
import dask, dask.array as da, numpy as np, xarray as xr, omniscopy as om
def slow(block):
    time.sleep(0.2)
    return block
values = da.ones((500, 6, 5), chunks=(1, 6, 5)).map_blocks(slow, dtype=float)
with dask.config.set(scheduler="synchronous"):
    om.save(xr.DataArray(values, dims=("frame", "y", "x"), name="movie"), sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="the process is killed by a signal")
def test_a_process_that_is_killed_leaves_nothing_that_counts_as_a_store(bucket):
    url = f"{bucket}/movie.zarr"
    writing = subprocess.Popen([sys.executable, "-c", SLOWLY, url])
    deadline = time.monotonic() + 120
    while not any("/c/" in name for name in objects(url)):
        assert writing.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    writing.send_signal(signal.SIGKILL)
    writing.wait()
    left = objects(url)
    assert "movie/signal/zarr.json" in left
    assert "zarr.json" not in left
    with pytest.raises(UnsupportedFormatError, match=r"its writing was broken off.*overwrite=T"):
        om.open(url)
    with pytest.raises(FileNotFoundError):
        zarr.open_group(url, mode="r")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        om.save(movie(), url)
    om.save(movie(), url, overwrite=True)
    np.testing.assert_array_equal(om.open_signal(url), movie())
    assert {name.partition("/")[0] for name in objects(url)} == {"HAADF", "zarr.json"}


def test_what_is_not_there_is_said_in_words(bucket):
    with pytest.raises(UnsupportedFormatError, match=r"none\.zarr: there is no such object"):
        om.open(f"{bucket}/none.zarr")
    with pytest.raises(FormatError, match="there is no such bucket"):
        om.open("s3://another-bucket/movie.zarr")
    with pytest.raises(FormatError, match="there is no such bucket"):
        om.save(movie(), "s3://another-bucket/movie.zarr")


def test_no_keys_no_server_and_wrong_rights_are_said_in_words(bucket, monkeypatch):
    url = f"{bucket}/movie.zarr"
    with pytest.raises(FormatError, match=r"cannot be reached(?s:.*)endpoint_url"):
        om.open(
            url,
            storage_options={
                "endpoint_url": "http://127.0.0.1:9",
                "config_kwargs": {"retries": {"max_attempts": 0}},
            },
        )
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    fresh = {"skip_instance_cache": True}
    with pytest.raises(FormatError, match="no keys for the object store were found"):
        om.open(url, storage_options=fresh)
    with pytest.raises(FormatError, match="no keys for the object store were found"):
        om.save(movie(), url, storage_options=fresh)


def test_a_refusal_is_told_from_an_absence(monkeypatch):
    from omniscopy.io import remote

    def refuse(*_words, **_options):
        raise PermissionError("Forbidden")  # noqa: EM101

    monkeypatch.setattr(fsspec.filesystem("memory").__class__, "info", refuse)
    with pytest.raises(FormatError, match="the object store refuses access"):
        om.open("memory://refused.zarr")
    assert remote.is_url("memory://refused.zarr")


def test_keys_are_kept_nowhere(bucket, server, monkeypatch):
    url = f"{bucket}/movie.zarr"
    for name in KEYS:
        if "KEY" in name:
            monkeypatch.delenv(name)
    secret = {"key": "an-id", "secret": "a-secret", "endpoint_url": server}
    root = zarr.open_group(f"{bucket}/other.zarr", mode="w", storage_options=secret)
    root.create_array("counts", data=np.arange(12.0).reshape(3, 4), chunks=(1, 4))
    data = om.open_signal(f"{bucket}/other.zarr", storage_options=secret)
    om.save(data * 2, url, storage_options=secret)
    back = om.open(url, storage_options=secret)
    text = "".join(
        str(locate(f"{url}/{name}", secret).read_bytes()) for name in locate(url, secret).listing()
    )
    for shown in (
        text,
        repr(back),
        repr(data.attrs),
        repr(locate(url, secret)),
        str(data.data.dask),
    ):
        assert "a-secret" not in shown
    other = om.open_signal(f"{bucket}/other.zarr", storage_options={**secret, "key": "another"})
    assert other.data.name == data.data.name


def test_handles_carry_their_keys_to_other_processes(bucket, server):
    om.save(in_chunks(movie()), f"{bucket}/movie.zarr")
    opened = om.open_signal(f"{bucket}/movie.zarr", storage_options={"endpoint_url": server})
    sent = pickle.dumps(opened[:2])
    code = "import pickle, sys; print(int(pickle.load(sys.stdin.buffer).sum()))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], input=sent, capture_output=True, check=True
    )
    assert int(done.stdout) == int(movie()[:2].sum())
    assert done.stderr == b""


def test_workers_of_a_cluster_read_and_write_a_bucket(bucket):
    url, target = f"{bucket}/movie.zarr", f"{bucket}/twice.zarr"
    om.save(in_chunks(movie()), url)
    with om.compute.connect(workers=2):
        om.save(om.open_signal(url, chunks={"frame": 2}) * 2, target)
    np.testing.assert_array_equal(om.open_signal(target), movie() * 2)


def test_other_formats_are_to_be_copied_or_converted(bucket, tmp_path):
    om.save(movie(), tmp_path / "movie.nxs")
    fsspec.filesystem("s3").put(str(tmp_path / "movie.nxs"), f"{bucket}/movie.nxs")
    with pytest.raises(UnsupportedFormatError, match=r"copy the file first, as by fsspec\.file"):
        om.open(f"{bucket}/movie.nxs")
    with pytest.raises(UnsupportedFormatError, match="only Zarr stores are read where they lie"):
        om.open(f"{bucket}/movie.nxs", reader="nexus")
    with pytest.raises(UnsupportedFormatError, match="only Zarr stores"):
        om.io.open_raw(f"{bucket}/movie.nxs", (2, 3), "u2")
    with pytest.raises(UnsupportedFormatError, match=r"cannot be written to a URL; use .*\.zarr"):
        om.save(movie(), f"{bucket}/movie.nc")
    om.convert(tmp_path / "movie.nxs", f"{bucket}/movie.zarr")
    np.testing.assert_array_equal(om.open_signal(f"{bucket}/movie.zarr"), movie())
    om.convert(f"{bucket}/movie.zarr", tmp_path / "back.nxs")
    np.testing.assert_array_equal(om.open_signal(tmp_path / "back.nxs"), movie())


def test_memory_works_like_a_bucket():
    url = "memory://folder/movie.zarr"
    om.save(in_chunks(movie()), url, overwrite=True)
    np.testing.assert_array_equal(om.open_signal(url), movie())
    names = objects(url)
    assert "zarr.json" in names
    assert len([name for name in names if name.startswith("HAADF/signal/c/")]) == 4


@pytest.mark.parametrize("lists", [True, False])
def test_a_web_server_is_read(tmp_path, lists):
    om.save(in_chunks(movie()), "memory://web/movie.zarr", overwrite=True)
    fsspec.filesystem("memory").get("/web/movie.zarr", str(tmp_path / "movie.zarr"), recursive=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

        def list_directory(self, path):
            return super().list_directory(path) if lists else self.send_error(404)

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        serving = threading.Thread(target=web.serve_forever)
        serving.start()
        try:
            address = f"http://127.0.0.1:{web.server_address[1]}"
            np.testing.assert_array_equal(om.open_signal(f"{address}/movie.zarr"), movie())
            with pytest.raises(FormatError, match="there is no such object"):
                om.open(f"{address}/none.zarr")
            with pytest.raises(UnsupportedFormatError, match="web servers are only read"):
                om.save(movie(), f"{address}/new.zarr")
        finally:
            web.shutdown()
            serving.join()


def test_other_schemes_say_what_they_need(monkeypatch):
    with pytest.raises(UnsupportedFormatError, match="there is no file system for foo:// addr"):
        om.open("foo://bucket/movie.zarr")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ImportError, match=r"gs:// addresses need another package(?s:.*)gcsfs"):
        om.open("gs://bucket/movie.zarr")
    from fsspec.registry import _registry

    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)
    with pytest.raises(MissingDependencyError, match=r"s3:// addresses.*omniscopy\[cloud\]"):
        om.open("s3://bucket/movie.zarr")


def test_urls_and_paths_are_told_apart(tmp_path):
    assert is_url("s3://bucket/a.zarr")
    assert not is_url("C:\\data\\a.zarr")
    assert not is_url(tmp_path)
    assert locate(Path("s3://bucket/a.zarr")) == RemotePath("s3://bucket/a.zarr")
    assert locate(f"file://{tmp_path}/a%20b.zarr") == tmp_path / "a b.zarr"
    place = locate("s3://bucket/deep/a.b.zarr/", {"key": "k"})
    assert (place.name, place.stem) == ("a.b.zarr", "a.b")
    assert place / "c" == RemotePath("s3://bucket/deep/a.b.zarr/c", {"key": "k"})
    assert str(locate("sftp://me:secret@host/a.zarr")) == "sftp://host/a.zarr"
    with pytest.raises(om.DataError, match="storage_options are for URLs"):
        om.open(tmp_path / "a.zarr", storage_options={"key": "k"})
    with pytest.raises(om.DataError, match="storage_options are for URLs"):
        om.convert(tmp_path / "a.zarr", tmp_path / "b.zarr", storage_options={"key": "k"})
    with pytest.raises(om.DataError, match="a signed address opens one object"):
        om.open("https://host/a.zarr?X-Amz-Signature=1")


def test_lazy_data_stay_lazy_until_they_are_asked_for(bucket):
    om.save(in_chunks(movie()), f"{bucket}/movie.zarr")
    opened = om.open_signal(f"{bucket}/movie.zarr", chunks={"frame": 2})
    locate(f"{bucket}/movie.zarr").remove()
    assert isinstance(opened.data, da.Array)
    with pytest.raises(FormatError, match=r"missing|no such"):
        opened.compute()


def test_the_command_line_takes_urls(capsys):
    from omniscopy.cli import main

    om.save(movie(), "memory://cli/movie.zarr", overwrite=True)
    with pytest.raises(SystemExit) as ended:
        main(["info", "memory://cli/movie.zarr"])
    assert ended.value.code == 0
    assert "memory://cli/movie.zarr: Zarr" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["convert", "memory://cli/movie.zarr", "memory://cli/copy.zarr"])
    assert ended.value.code == 0
    np.testing.assert_array_equal(om.open_signal("memory://cli/copy.zarr"), movie())
