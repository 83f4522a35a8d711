"""Clusters: of this machine, and of processes that were started elsewhere."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import psutil
import pytest
import xarray as xr
import yaml
from dask.base import get_scheduler

import omniscopy as om
from omniscopy.compute import ClusterError, ClusterWarning, connect
from omniscopy.model import coordinate
from omniscopy.signal import Lorentzian, Offset, fit_model

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="processes are stopped by signals"),
    pytest.mark.xdist_group("clusters"),
]

LINE = Lorentzian() + Offset()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "clusters.md"


class Processes:
    """Processes that were started for a test, each in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.running = folder, []
        self.file = folder / "scheduler.json"

    def start(self, name, *command, **environment):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if "_NUM_THREADS" not in key}
        with (folder / "log.txt").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *map(str, command)],
                cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=kept | environment,
            )  # fmt: skip
        self.running.append(process)
        return process

    def scheduler(self, *options):
        return self.start(
            "scheduler", "scheduler", "--scheduler-file", self.file, "--host", "127.0.0.1",
            "--port", "0", "--no-dashboard", *options,
        )  # fmt: skip

    def worker(self, name, *options):
        return self.start(
            name, "worker", "--scheduler-file", self.file, "--name", name, "--nthreads", "1",
            "--no-nanny", "--no-dashboard", *options,
        )  # fmt: skip

    def stop(self, process):
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.running.remove(process)

    def close(self):
        for process in reversed(self.running.copy()):
            self.stop(process)


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Return a scheduler and two workers: three processes, each in its folder."""
    processes = Processes(tmp_path_factory.mktemp("machines"))
    processes.scheduler()
    for name in ("one", "two"):
        processes.worker(name)
    yield processes
    processes.close()


@pytest.fixture
def client(machines):
    with connect(scheduler_file=machines.file, timeout=300) as client:
        client.wait_for_workers(2, timeout=300)
        yield client


@pytest.fixture
def spectra(tmp_path, monkeypatch):
    """Return lines in a Zarr store, which was opened by a relative path."""
    rng = np.random.default_rng(0)
    energy = np.linspace(1.0, 3.0, 64)
    centre = rng.uniform(1.6, 2.4, (24, 32, 1))
    values = 80 / (1 + ((energy - centre) / 0.1) ** 2) + 8 + rng.standard_normal((24, 32, 64))
    coords = {
        "y": coordinate("y", np.arange(24.0), "nm"),
        "x": coordinate("x", np.arange(32.0), "nm"),
        "energy": coordinate("energy", energy, "eV"),
    }
    monkeypatch.chdir(tmp_path)
    om.save(xr.DataArray(values, coords, attrs={"units": "counts"}), "lines.zarr")
    return om.open("lines.zarr", chunks={"y": 8, "x": 16})["signal/signal"]


def workers_by_name(client):
    return {each["name"]: where for where, each in client.scheduler_info()["workers"].items()}


def wait_until(condition, seconds=300.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_workers_in_other_folders_open_files_themselves_and_give_the_same_digits(client, spectra):
    folders = set(client.run(os.getcwd).values())
    assert len(folders | {str(Path.cwd())}) == 3
    lazy = fit_model(spectra, LINE)
    assert get_scheduler().__self__ is client
    spread = lazy.compute()
    with dask.config.set(scheduler="threads"):
        xr.testing.assert_identical(spread, lazy.compute())


def test_every_handle_finds_its_file_from_another_folder(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = np.arange(4 * 6 * 5, dtype=np.int16).reshape(4, 6, 5)
    values.tofile("plain.raw")
    data = xr.DataArray(values, dims=("frame", "y", "x"), name="stack")
    opened = [om.io.open_raw("plain.raw", (4, 6, 5), "int16")]
    for name in ("stack.nxs", "stack.nc", "stack.zarr", "stack.h5"):
        om.save(data, name, **({"format": "nsid"} if name.endswith("h5") else {}))
        opened.append(om.open_signal(name))
    assert [each.chunks is not None for each in opened] == [True] * 5
    for each in opened:
        np.testing.assert_array_equal(each.astype(np.int64).compute(), values)


@pytest.mark.parametrize("name", ["fit.zarr", "fit.nxs", "fit.nc"])
def test_results_are_saved_from_a_cluster_at_a_relative_path(client, spectra, name):
    lazy = fit_model(spectra, LINE)
    om.save(lazy, name)
    back = om.open(name, chunks=None)
    (node,) = back.children.values()
    with dask.config.set(scheduler="threads"):
        expected = lazy.compute()
    for key, values in expected.data_vars.items():
        np.testing.assert_array_equal(node[key], values)


def test_a_worker_that_is_killed_changes_no_digit(client, machines, spectra, tmp_path):
    stuck = tmp_path / "stuck"

    def held(block):
        """Let the victim make three results and then no more, and others begin after that."""
        import distributed

        with contextlib.suppress(ValueError):  # in this process there is no worker
            here = distributed.get_worker()
            if here.name == "victim" and len(here.data) >= 3:
                stuck.touch()
                time.sleep(3600)
            while here.name != "victim" and not stuck.exists():
                time.sleep(0.01)
        return block

    victim = machines.worker("victim")
    client.wait_for_workers(3, timeout=300)
    address = workers_by_name(client)["victim"]
    cut = spectra.chunk(y=1)
    lazy = fit_model(cut.copy(data=cut.data.map_blocks(held, dtype=cut.dtype)), LINE)
    made = client.persist(lazy)
    wait_until(stuck.exists)
    wait_until(lambda: len(client.has_what([address])[address]) >= 3)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    machines.running.remove(victim)
    found = made.compute()
    assert "victim" not in workers_by_name(client)
    with dask.config.set(scheduler="threads"):
        xr.testing.assert_identical(found, lazy.compute())


def test_an_error_of_a_worker_arrives_as_it_was(client, spectra, tmp_path):
    for file in (tmp_path / "lines.zarr" / "signal" / "signal").glob("c/*/*/*"):
        file.write_bytes(b"not a chunk")
    with pytest.raises(om.FormatError, match=r"lines\.zarr.*damaged"):
        spectra.sum().compute()


def test_libraries_of_workers_keep_to_one_thread(client):
    def threads():
        import numba
        import scipy.linalg  # loads its own library
        from threadpoolctl import threadpool_info

        assert scipy.linalg.det(np.eye(3)) == 1
        return numba.config.NUMBA_NUM_THREADS, {each["num_threads"] for each in threadpool_info()}

    assert set(map(str, client.run(threads).values())) == {"(1, {1})"}


def test_after_the_client_this_process_computes_again(machines):
    before = get_scheduler()
    with connect(scheduler_file=machines.file, timeout=300):
        assert get_scheduler() is not before
    assert get_scheduler() is before


def test_an_address_does_what_its_file_does(machines):
    wait_until(machines.file.exists)
    address = json.loads(machines.file.read_text())["address"]
    with connect(address) as client:
        assert client.submit(sum, [1, 2]).result(timeout=300) == 3


MISSING = """
import importlib.metadata, sys
found = importlib.metadata.version
def version(name):
    if name == "omniscopy":
        {action}
    return found(name)
importlib.metadata.version = version
"""


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ('return "0.0.1"', r"tcp://\S+ has 0\.0\.1\. Install it there"),
        ("raise importlib.metadata.PackageNotFoundError(name)", r"tcp://\S+ has none\."),
    ],
)
def test_a_worker_with_another_version_or_none_is_named(machines, tmp_path, action, said):
    preload = tmp_path / "other.py"
    absent = 'sys.modules["omniscopy"] = None' if "raise" in action else ""
    preload.write_text(MISSING.format(action=action) + absent)
    with connect(scheduler_file=machines.file, timeout=300) as client:
        client.wait_for_workers(2, timeout=300)
        other = machines.worker("other", "--preload", preload)
        with pytest.warns(ClusterWarning, match="joined with another Omniscopy") as seen:
            wait_until(lambda: seen.list)
    try:
        with pytest.raises(ClusterError, match=said):
            connect(scheduler_file=machines.file)
    finally:
        machines.stop(other)


def test_a_scheduler_file_is_waited_for(machines, tmp_path):
    wait_until(machines.file.exists)
    late = tmp_path / "late.json"

    def write():
        late.write_text("{")  # half of it
        time.sleep(0.3)
        late.write_text(machines.file.read_text())

    timer = threading.Timer(0.3, write)
    timer.start()
    with connect(scheduler_file=late, timeout=300) as client:
        timer.join()
        assert client.scheduler.address == json.loads(machines.file.read_text())["address"]


def test_what_was_looked_for_is_said(tmp_path):
    before = set(threading.enumerate())
    with pytest.raises(ClusterError, match=r"waited 0 s for .*none\.json, but it is not there"):
        connect(scheduler_file=tmp_path / "none.json", timeout=0.1)
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(ClusterError, match="it holds no address of a scheduler"):
        connect(scheduler_file=tmp_path / "bad.json", timeout=0.1)
    (tmp_path / "old.json").write_text('{"address": "tcp://127.0.0.1:9"}')
    with pytest.raises(ClusterError, match=r"no scheduler answers at tcp://127.0.0.1:9 (?s:.*)old"):
        connect(scheduler_file=tmp_path / "old.json", timeout=1)
    with pytest.raises(ClusterError, match=r"no scheduler answers at nowhere(?s:.*)running"):
        connect("nowhere", timeout=1)
    with pytest.raises(ClusterError, match=r"tls://127.0.0.1:9(?s:.*)certificates"):
        connect("tls://127.0.0.1:9", timeout=1)
    # This process computes as before.
    assert int(da.ones(3).sum()) == 3
    wait_until(lambda: "IO loop" not in {each.name for each in set(threading.enumerate()) - before})


def test_a_wrong_call_is_refused_before_anything_is_started():
    with pytest.raises(om.DataError, match="not both"):
        connect("tcp://127.0.0.1:9", scheduler_file="a.json")
    with pytest.raises(om.DataError, match="a running one has those it has"):
        connect("tcp://127.0.0.1:9", workers=2)
    with pytest.raises(om.DataError, match="workers must be 1 or more, got 0"):
        connect(workers=0)


def test_without_the_extra_the_message_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(om.io.MissingDependencyError, match=r"omniscopy\[cluster\]"):
        connect()


def test_a_cluster_of_this_machine_leaves_nothing_behind():
    def mine():
        return [
            each for each in psutil.Process().children(recursive=True)
            if "resource_tracker" not in " ".join(each.cmdline())
        ]  # fmt: skip

    threads, before = set(threading.enumerate()), set(mine())
    with connect(workers=2) as client:
        workers = client.scheduler_info()["workers"].values()
        assert [each["nthreads"] for each in workers] == [1, 1]
        limits = [each["memory_limit"] for each in workers]
        assert 0 < sum(limits) <= psutil.virtual_memory().total
        assert client.scheduler.address.startswith("tls://127.0.0.1")
        assert int(da.arange(1000, chunks=100).sum()) == 499500
        assert len(set(mine()) - before) >= 2
    wait_until(lambda: not set(mine()) - before)
    # One thread for (de)compression is dask's for good.
    kept = {each for each in set(threading.enumerate()) - threads if "Offload" not in each.name}
    wait_until(lambda: not any(each.is_alive() for each in kept))


def test_nobody_else_reaches_a_cluster_of_this_machine():
    from distributed import Client

    with connect(workers=1) as client:
        address = client.scheduler.address
        with pytest.raises((OSError, TypeError, ValueError, RuntimeError)):
            Client(address, timeout=1, set_as_default=False)


@pytest.mark.parametrize("inside", ["connect(workers=1)", "def work():\n    connect()\n\nwork()"])
def test_a_script_without_a_guard_is_told_of_it(tmp_path, inside):
    script = tmp_path / "script.py"
    script.write_text(f"from omniscopy.compute import connect\n\n{inside}\n")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 1
    assert f"{script} has no guard" in done.stderr
    assert 'under `if __name__ == "__main__":`' in done.stderr


def test_a_script_with_a_guard_and_code_that_is_typed_reach_their_workers(tmp_path):
    script = tmp_path / "script.py"
    code = (
        "from omniscopy.compute import connect\n{}with connect(workers=1) as c: print(c.ncores())"
    )
    script.write_text(code.format('if __name__ == "__main__":\n    '))
    for words in ([script], ["-c", code.format("")]):
        done = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, check=False, timeout=600
        )
        assert "tls://127.0.0.1" in done.stdout, done.stderr


def blocks(language):
    """Return the blocks of code on the page of the docs."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def analysis(tmp_path):
    """Return a folder with the script of the page, and spectra for it."""
    (script,) = [each for each in blocks("python") if "sys.argv" in each]
    (tmp_path / "analysis.py").write_text(script)
    energy = np.linspace(0.0, 1.0, 32)
    values = np.random.default_rng(0).random((2, 3, 32)) + 9 * np.exp(-((energy - 0.5) ** 2) / 0.02)
    coords = {"y": [0, 1], "x": [0, 1, 2], "energy": coordinate("energy", energy, "eV")}
    om.save(xr.DataArray(values, coords), tmp_path / "spectra.zarr")
    return tmp_path


def run_bash(folder, text, **environment):
    """Run commands as a user would, and stop at the end what runs in the background."""
    path = f"{folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            ["bash", "-e", "-c", text], cwd=folder, stdout=output, stderr=output,
            env={**os.environ, "PATH": path, **environment}, start_new_session=True,
        )  # fmt: skip
    try:
        assert process.wait(600) == 0, (folder / "output.txt").read_text()
    except subprocess.TimeoutExpired:
        pytest.fail((folder / "output.txt").read_text())
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.mark.slow
def test_the_commands_of_the_page_fit_spectra(analysis):
    (lines,) = [each for each in blocks("bash") if "--nworkers" in each]
    scheduler, worker, last = lines.splitlines()
    run_bash(analysis, f"{scheduler} --port 0 &\n{worker} &\n{last}\n")
    assert (om.open(analysis / "fit.zarr")["fit_model"]["status"] == 0).all()


@pytest.mark.slow
def test_the_batch_script_of_the_page_fits_spectra(analysis):
    (script,) = [each for each in blocks("bash") if "#SBATCH" in each]
    # In place of SLURM's: two tasks on this machine.
    (analysis / "srun").write_text('#!/bin/bash\n"$@" &\n"$@" &\nwait\n')
    (analysis / "srun").chmod(0o755)
    script = script.replace("dask scheduler", "dask scheduler --port 0")
    run_bash(analysis, script, SLURM_JOB_ID="7")
    assert (om.open(analysis / "fit.zarr")["fit_model"]["status"] == 0).all()
    assert not (analysis / "cluster-7.json").exists()


@pytest.mark.slow
def test_the_keys_of_the_page_keep_others_out(analysis):
    keys = next(each for each in blocks("bash") if "openssl" in each)
    (lines,) = [each for each in blocks("bash") if "--nworkers" in each]
    (settings,) = [each for each in blocks("yaml") if "default-scheme" in each]
    (analysis / "dask").mkdir()
    (analysis / "dask" / "tls.yaml").write_text(settings.replace("/home/me", str(analysis)))
    scheduler, worker, last = lines.splitlines()
    without = "import sys; sys.argv = ['', sys.argv[1]]; from omniscopy.compute import connect\n"
    without += "try: connect(scheduler_file='cluster.json', timeout=5)\n"
    without += "except ConnectionError as error: open('refused.txt', 'w').write(str(error))\n"
    (analysis / "without.py").write_text(without)
    run_bash(
        analysis,
        f"{keys}cd {analysis}\n{scheduler} --port 0 &\n{worker} &\n{last}\n"
        "DASK_CONFIG=/nowhere python without.py x\n",
        HOME=str(analysis),
        DASK_CONFIG=str(analysis / "dask"),
    )
    assert json.loads((analysis / "cluster.json").read_text())["address"].startswith("tls://")
    assert (om.open(analysis / "fit.zarr")["fit_model"]["status"] == 0).all()
    assert "TLS needs the certificates" in (analysis / "refused.txt").read_text()


@pytest.mark.slow
def test_the_jobs_of_the_page_are_submitted_and_do_the_work(analysis):
    (snippet,) = [each for each in blocks("python") if "SLURMCluster" in each]
    # In place of SLURM's: the job runs on this machine at once. The script is kept, as SLURM
    # does: who submits it deletes it as soon as it is submitted.
    (analysis / "sbatch").write_text(
        '#!/bin/bash\ncp "$1" job.sh\nbash job.sh > job.txt 2>&1 &\necho Submitted batch job 7\n'
    )
    (analysis / "scancel").write_text("#!/bin/bash\n")
    for name in ("sbatch", "scancel"):
        (analysis / name).chmod(0o755)
    here = 'walltime="02:00:00", interface="lo", scheduler_options={"dashboard_address": ":0"}'
    snippet = snippet.replace('walltime="02:00:00"', here)
    (analysis / "notebook.py").write_text(
        f"{snippet}\nsignal = om.open_signal('spectra.zarr')\n"
        "assert float(signal.mean()) > 0\nclient.close()\ncluster.close()\n"
    )
    run_bash(analysis, "python notebook.py")


def test_the_manifest_of_the_page_starts_what_dask_has():
    (text,) = [each for each in blocks("yaml") if "kind: Deployment" in each]
    parts = list(yaml.safe_load_all(text))
    commands = [
        each["spec"]["template"]["spec"]["containers"][0]["command"]
        for each in parts
        if each["kind"] == "Deployment"
    ]
    assert [command[:2] for command in commands] == [["dask", "scheduler"], ["dask", "worker"]]
    for command in commands:
        known = subprocess.run(
            [sys.executable, "-m", *command[:2], "--help"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for word in command:
            assert not word.startswith("--") or word in known
    service = next(each for each in parts if each["kind"] == "Service")["metadata"]["name"]
    assert f"tcp://{service}:8786" in commands[1]
