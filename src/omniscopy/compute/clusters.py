"""Clusters: the same calculations in many processes, on this machine or on others."""

import ast
import json
import pickle
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from omniscopy.model.errors import DataError, MissingDependencyError, OmniscopyWarning

if TYPE_CHECKING:
    from distributed import Client

_PACKAGE = "omniscopy"
# How often a scheduler file is looked for.
_LOOK_SECONDS = 0.2
_GUARD = (
    'a script must call `connect` under `if __name__ == "__main__":`, since every process '
    "imports the script"
)


class ClusterError(ConnectionError):
    """A cluster cannot be reached or started, or its workers cannot do the work."""


class ClusterWarning(OmniscopyWarning):
    """A worker joined that may not be able to do the work."""


def connect(
    address: str | None = None,
    *,
    scheduler_file: str | Path | None = None,
    workers: int | None = None,
    timeout: float = 60.0,
) -> "Client":
    """Let a cluster do the work of lazy data: this machine's cores, or other machines.

    From then on, and until the client is closed, everything lazy is computed by the cluster.
    Workers open the files themselves, so files must be at the same path on all machines, or in
    an object store.

    Parameters
    ----------
    address : str, optional
        Of a running `dask` scheduler, such as ``"tcp://10.0.0.1:8786"`` or ``"tls://..."``.
        The certificates for TLS are those of dask's configuration
        (``distributed.comm.tls``).
    scheduler_file : str or Path, optional
        The file that ``dask scheduler --scheduler-file`` writes, in which the address is; it is
        waited for.
    workers : int, optional
        Number of processes where a cluster is started on this machine.
    timeout : float, seconds
        How long a scheduler is waited for.

    Returns
    -------
    distributed.Client
        Use it as a context manager, or close it at the end. With neither an address nor a file,
        the cluster is one of this machine: a process for each core with one thread each, which
        may use an equal share of the memory (beyond 70 % of it results are kept on disk, beyond
        95 % the process is restarted). It ends with the client, listens on this machine only,
        and talks TLS with keys of its own.

    Raises
    ------
    ClusterError
        Nothing answers at the address, no file appears, processes cannot be started, or workers
        have no Omniscopy or another version of it; the message says which.
    DataError
        Both an address and a file are given, or a number of workers with one of them.
    MissingDependencyError
        The extra `cluster` is not installed.

    Warns
    -----
    ClusterWarning
        A worker that joined later has no Omniscopy, or another version.

    Notes
    -----
    Whoever reaches a scheduler can run code on its workers, and a scheduler can run code here:
    connect to your own clusters only, and across a network that others share only by TLS.
    Libraries of linear algebra keep to one thread in each thread of a worker.

    Examples
    --------
    >>> with connect() as client:  # doctest: +SKIP
    ...     fit = om.signal.fit_model(data, om.signal.Lorentzian()).compute()
    """
    _require_one(address, scheduler_file, workers)
    try:
        import distributed
    except ImportError as error:
        package, purpose = "distributed", "a cluster"
        raise MissingDependencyError(package, extra="cluster", purpose=purpose) from error
    deadline = time.monotonic() + timeout
    if scheduler_file is not None:
        address = _read_address(Path(scheduler_file), deadline)
    if address is None:
        client = _start_here(distributed, workers, timeout)
    else:
        left = max(deadline - time.monotonic(), 1.0)
        client = _reach(distributed, address, left, scheduler_file)
    try:
        _require_same_version(client)
        client.register_plugin(_worker_setup(_version_here()))
    except BaseException:
        client.close()
        raise
    return client


def _require_one(
    address: str | None, scheduler_file: str | Path | None, workers: int | None
) -> None:
    if address is not None and scheduler_file is not None:
        message = f"give an address or a scheduler file, not both: {address}, {scheduler_file}"
        raise DataError(message)
    if workers is None:
        return
    if address is not None or scheduler_file is not None:
        message = "workers= is for a cluster on this machine; a running one has those it has"
        raise DataError(message)
    if not (isinstance(workers, int) and workers >= 1):
        message = f"workers must be 1 or more, got {workers!r}"
        raise DataError(message)


def _start_here(distributed: Any, workers: int | None, timeout: float) -> Any:
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    _require_guard()
    processes = workers or CPU_COUNT
    try:
        return _new_client(
            distributed,
            n_workers=processes,
            threads_per_worker=1,
            memory_limit=MEMORY_LIMIT // processes,
            dashboard_address="127.0.0.1:0",
            security=True,
            timeout=timeout,
        )
    except ImportError as error:
        package, purpose = "cryptography", "a cluster that admits nobody else"
        raise MissingDependencyError(package, extra="cluster", purpose=purpose) from error
    except (RuntimeError, OSError) as error:
        message = f"no processes could be started ({error}); {_GUARD}"
        raise ClusterError(message) from error


def _require_guard() -> None:
    """Refuse a script that would start itself again and again: dask may wait for it for ever."""
    import dask

    if dask.config.get("distributed.worker.multiprocessing-method", "spawn") == "fork":
        return
    main = vars(sys.modules["__main__"])
    frame: FrameType | None = sys._getframe()
    while frame is not None and not (
        frame.f_globals is main and frame.f_code.co_name == "<module>"
    ):
        frame = frame.f_back
    # What is typed is not imported by the processes, and some tools run without a frame of it.
    if frame is None or main.get("__file__") is None:
        return
    try:
        script = ast.parse(Path(main["__file__"]).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    if any(isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(script)):
        return
    message = f"no processes can be started: {main['__file__']} has no guard; {_GUARD}"
    raise ClusterError(message)


def _read_address(file: Path, deadline: float) -> str:
    """Return the address in a scheduler file, after it was waited for."""
    start, why = time.monotonic(), "it is not there"
    while True:
        try:
            return str(json.loads(file.read_text(encoding="utf-8"))["address"])
        except FileNotFoundError:
            why = "it is not there"
        except OSError as error:
            why = f"it cannot be read: {error.strerror or error}"
        except (ValueError, KeyError, TypeError):
            why = "it holds no address of a scheduler"  # yet: it may be in the middle of writing
        if time.monotonic() + _LOOK_SECONDS > deadline:
            break
        time.sleep(_LOOK_SECONDS)
    message = (
        f"waited {time.monotonic() - start:.0f} s for the scheduler file {file.absolute()}, but "
        f"{why}; start the scheduler with `dask scheduler --scheduler-file {file}`"
    )
    raise ClusterError(message)


def _reach(
    distributed: Any, address: str, timeout: float, scheduler_file: str | Path | None
) -> Any:
    try:
        return _new_client(distributed, address, timeout=timeout)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        hint = (
            "is the scheduler running, and can this machine reach it?"
            if scheduler_file is None
            else f"that is what {scheduler_file} says: it may be left from an earlier run"
        )
        if address.startswith("tls://"):
            hint += " TLS needs the certificates of `distributed.comm.tls` in dask's configuration"
        message = f"no scheduler answers at {address} ({error}); {hint}"
        raise ClusterError(message) from error


def _new_client(distributed: Any, *words: Any, **options: Any) -> Any:
    class Client(distributed.Client):  # type: ignore[misc]
        def __init__(self) -> None:
            try:
                super().__init__(*words, **options)
            except BaseException:
                # It would stay what dask computes with, and its thread would go on.
                self.status = "closing"
                self.close()
                raise

    return Client()


def _require_same_version(client: Any) -> None:
    here = _version_here()
    wrong = [
        f"{worker} has {'none' if isinstance(there, Exception) else there}"
        for worker, there in client.run(version, _PACKAGE, on_error="return").items()
        if there != here
    ]
    if wrong:
        message = (
            f"Omniscopy {here} is needed on every worker, but {'; '.join(wrong)}. Install it there "
            f"(pip install omniscopy=={here}), or start the workers in this environment"
        )
        raise ClusterError(message)


def _version_here() -> str:
    try:
        return version(_PACKAGE)
    except PackageNotFoundError as error:
        message = "Omniscopy itself is not installed here, so that workers cannot be compared"
        raise ClusterError(message) from error


def _worker_setup(here: str) -> Any:
    """Return what is done on every worker, also on those that join later."""
    from distributed import WorkerPlugin

    kind = pickle.dumps(ClusterWarning)

    # A class made in a function is sent as code: it must arrive where Omniscopy is missing.
    class WorkerSetup(WorkerPlugin):
        name = "omniscopy"

        def setup(self, worker: Any) -> None:
            import importlib.metadata
            import os
            import pickle
            import sys

            # Read by libraries that are loaded from now on.
            for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM"):
                os.environ[f"{library}_NUM_THREADS"] = "1"
            if "numba" not in sys.modules:  # which refuses a change later
                os.environ["NUMBA_NUM_THREADS"] = "1"
            try:
                there = importlib.metadata.version("omniscopy")
            except importlib.metadata.PackageNotFoundError:
                there = "none"
            if there != here:
                message = (
                    f"worker {worker.address} joined with another Omniscopy than {here}: {there}; "
                    "what it computes may fail or differ"
                )
                worker.log_event("warn", {"message": pickle.dumps(message), "category": kind})
                return
            from threadpoolctl import threadpool_limits

            self.limits = threadpool_limits(1)

        def teardown(self, worker: Any) -> None:  # noqa: ARG002
            limits = getattr(self, "limits", None)
            if limits is not None:
                limits.restore_original_limits()

    return WorkerSetup()
