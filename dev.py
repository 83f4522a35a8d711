"""Set up, run and test the project with nothing but Python 3.11+: `python3 dev.py TASK`.

Everything lives in `.venv`, installed from the pinned list in `requirements/dev.txt`; it is made
on the first call and made again whenever the list changes. `.venv-peers` holds the earlier
packages that some tests compare with, and `.venv-peer-NAME` those of `peers/NAME.txt`, which only
benchmarks need. Further words are handed to the task's last command.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PEERS = ROOT / ".venv-peers"
UV = "uv==0.13.9"
# Outside the pinned lists, and by pip: where there are builds for CPUs, it finds them.
TORCH = "torch==2.13.0"
TORCH_PEERS = {"atomai", "ffta", "pycroscopy"}
EXTRAS = ["codecs", "cluster", "cloud", "mcp", "notebook", "vendor"]
PIP = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"

LINT = [
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy"],
    ["lint-imports"],
]
# Tests of one group, such as those that start clusters, run one after the other.
TEST = [["pytest", "-n", "auto", "--dist", "loadgroup", "-m", "not benchmark"]]
# Each real file for so long; `--fuzz-seed=N` makes other damage.
FUZZ = ["pytest", "-n", "auto", "tests/fuzz", "--fuzz-seconds=30"]
# Other data each time; some are in the tests.
FORMS = ["pytest", "-n0", "tests/contracts/test_random_forms.py", "--hypothesis-profile=long"]
# Larger than memory; `--soak-gigabytes=N` and `--soak-folder=PLACE` for another size and disk.
SOAK = ["pytest", "-n0", "-p", "no:randomly", "tests/soak", "--soak-gigabytes=20"]
BENCH = ["pytest", "-m", "benchmark", "-p", "no:randomly", "--keep-benchmarks"]
TASKS: dict[str, tuple[str, list[list[str]]]] = {
    "setup": ("make the environments", []),
    "demo": ("the main job on a bundled measurement, or on FILE...", [["omniscopy", "demo"]]),
    "test": ("all tests but the benchmarks", TEST),
    "lint": ("style, types and layers", LINT),
    "check": ("lint and test: what must be green before a change is finished", LINT + TEST),
    "docs": ("build the site: gallery, how-to, reference", [["python", "docs/build.py"]]),
    "bench": ("ratios of time and memory, kept in docs/benchmarks.md", [BENCH]),
    "peers": ("make the environments of earlier packages that `bench` compares with", []),
    "fuzz": ("damaged files, for an hour or so", [FUZZ]),
    "forms": ("operations on data of random chunks, orders and types, for an hour or so", [FORMS]),
    "soak": ("20 GB through long computations that are killed and gone on with", [SOAK]),
    "view": ("the explorer", [["omniscopy", "view"]]),
    "browser": ("install Chromium for the tests of the explorer, where there is none", []),
    "lock": ("renew the pinned lists", []),
}
NEEDS_PEERS = {"setup", "test", "check", "bench"}


def run(*command: str | Path) -> None:
    """Run `command` in the project's folder and stop on the first failure."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def make_environment(folder: Path, lock: Path, *, editable: bool) -> None:
    """Make `folder` from the pinned list `lock`, unless it is there and the list is the same."""
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    stamp = folder / "made-from"
    if not (stamp.exists() and stamp.read_text("utf-8") == wanted):
        print(f"making {folder.name} (once; a minute or two)", flush=True)
        try:
            import ensurepip  # noqa: F401
            import venv
        except ImportError:
            sys.exit("this Python has no venv module; on Debian: apt-get install python3-venv")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        run(folder / SCRIPTS / "python", *PIP, UV)
        install(folder, "--requirement", lock)
        stamp.write_text(wanted, "utf-8")
    if editable:
        install_torch(folder)
        install_project(folder)


def install(folder: Path, *words: str | Path) -> None:
    """Install what `words` say into `folder`."""
    python, uv = folder / SCRIPTS / "python", folder / SCRIPTS / "uv"
    run(uv, "pip", "install", "--quiet", "--python", python, *words)


def install_torch(folder: Path) -> None:
    """Install the library of networks, unless this version is there or is not to be had."""
    stamp = folder / "torch-from"
    if stamp.exists() and stamp.read_text("utf-8") == TORCH:
        return
    python = folder / SCRIPTS / "python"
    if why := why_no_torch(python):
        print(f"without networks and their tests: {why}", flush=True)
    else:
        run(python, *PIP, TORCH)
    stamp.write_text(TORCH, "utf-8")


def why_no_torch(python: Path) -> str:
    """Return why the library of networks is left out of an environment; nothing where it is not.

    On many machines only the build for GPUs is found, which is some gigabytes.
    """
    asked = [python, *PIP, "--dry-run", "--report", "-", TORCH]
    done = subprocess.run(
        asked, cwd=ROOT, check=False, capture_output=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["pip failed"])[-1]
    names = [each["metadata"]["name"] for each in json.loads(done.stdout)["install"]]
    if any(name.startswith(("nvidia", "cuda")) for name in names):
        wish = " ".join(map(str, [python, *PIP, TORCH]))
        return f"pip finds {TORCH} only as the build for GPUs; if you want that: {wish}"
    return ""


def make_peer(wanted: Path) -> None:
    """Make the environment of an earlier package from its list; keep why, if that fails."""
    folder = ROOT / f".venv-peer-{wanted.stem}"
    mark = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()
    stamp = folder / "made-from"
    if stamp.exists() and stamp.read_text("utf-8") == mark:
        return
    import venv

    print(f"making {folder.name} (once; some minutes)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    python = folder / SCRIPTS / "python"
    networks = wanted.stem in TORCH_PEERS
    error = why_no_torch(python) if networks else ""
    commands = [[python, *PIP, TORCH]] if networks else []
    uv = [VENV / SCRIPTS / "uv", "pip", "install", "--quiet", "--python", python]
    for command in [] if error else [*commands, [*uv, "--requirement", wanted]]:
        done = subprocess.run(
            command, cwd=ROOT, check=False, capture_output=True, encoding="utf-8", errors="replace"
        )
        if done.returncode:
            error = done.stdout + done.stderr
            break
    (folder / "error").write_text(error, "utf-8")
    stamp.write_text(mark, "utf-8")


def make_peers() -> None:
    """Make the environments of all earlier packages, those left out that cannot be made."""
    for wanted in sorted((ROOT / "peers").glob("*.txt")):
        make_peer(wanted)


def install_browser() -> None:
    """Install Chromium for the tests of the explorer, unless there is one."""
    if any(map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])):
        return
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        run("apt-get", "-qq", "update")
        run("apt-get", "-qq", "install", "-y", "--no-install-recommends", "chromium")
    else:
        run(VENV / SCRIPTS / "playwright", "install", "chromium")


def install_project(folder: Path) -> None:
    """Install the project itself, anew whenever its own file says other things of it."""
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = folder / "installed-from"
    if not (stamp.exists() and stamp.read_text("utf-8") == wanted):
        install(folder, "--no-deps", "--editable", ".")
        stamp.write_text(wanted, "utf-8")


def lock() -> None:
    """Resolve the pinned lists anew from pyproject.toml, for every supported Python."""
    compile_ = [VENV / SCRIPTS / "uv", "pip", "compile", "--quiet", "--universal", "--upgrade"]
    compile_ += ["--python-version", "3.11", "--generate-hashes", "--no-header"]
    requirements = ROOT / "requirements"
    extras = [word for name in EXTRAS for word in ("--extra", name)]
    groups = {
        "dev.txt": ["pyproject.toml", "--group", "dev", "--group", "docs", *extras],
        "peers.txt": ["--group", "peers"],
    }
    for name, words in groups.items():
        run(*compile_, *words, "--output-file", requirements / name)
    compile_.remove("--generate-hashes")
    compile_ += ["--no-annotate", "--override", ROOT / "peers" / "override.in"]
    for wanted in sorted((ROOT / "peers").glob("*.in")):
        if wanted.stem != "override":
            run(*compile_, wanted, "--output-file", wanted.with_suffix(".txt"))


def main() -> None:
    """Run the task that was named."""
    if len(sys.argv) < 2 or sys.argv[1] not in TASKS:
        lines = [f"  {name:<7} {meaning}" for name, (meaning, _) in TASKS.items()]
        sys.exit("usage: python3 dev.py TASK [further words]\n" + "\n".join(lines))
    task, words = sys.argv[1], sys.argv[2:]
    make_environment(VENV, ROOT / "requirements" / "dev.txt", editable=True)
    if task in NEEDS_PEERS:
        make_environment(PEERS, ROOT / "requirements" / "peers.txt", editable=False)
    if task in {"bench", "peers"}:
        make_peers()
    if task == "lock":
        return lock()
    if task == "browser":
        return install_browser()
    commands = TASKS[task][1]
    for number, command in enumerate(commands, start=1):
        extra = words if number == len(commands) else []
        run(VENV / SCRIPTS / command[0], *command[1:], *extra)
    return None


if __name__ == "__main__":
    main()
