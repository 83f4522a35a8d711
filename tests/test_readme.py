"""What a newcomer reads first is true."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import omniscopy as om
from omniscopy.cli.application import run
from omniscopy.testing.files.dm import DmImage, write_dm4

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_the_example_runs(tmp_path):
    values = om.samples.atom_image().values.astype(np.float32)
    names = ("HAADF", "ABF")
    write_dm4(tmp_path / "scan.dm4", *(DmImage(data=values, name=name) for name in names))
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "om.image.find_fourier_spots(" in done.stdout
    made = {"spots.png", "spots.hf5", "scan.html", "scan.py"}
    assert made <= {path.name for path in tmp_path.iterdir()}


def test_the_commands_are_there(capsys):
    named = set(re.findall(r"^omniscopy (\w+)", README, re.MULTILINE))
    assert {"info", "report", "convert", "run", "formats"} <= named
    for name in named:
        assert run([name, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


@pytest.fixture
def dev():
    """Return the module of the project's tasks."""
    made = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    module = importlib.util.module_from_spec(made)
    made.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("code", "names"), [(0, ["torch", "sympy"]), (0, ["torch", "nvidia-cublas"]), (1, [])]
)
def test_libraries_for_gpus_are_not_installed_unasked(dev, tmp_path, monkeypatch, code, names):
    plan = json.dumps({"install": [{"metadata": {"name": name}} for name in names]})
    asked = []

    def answer(command, **options):
        asked.append("--dry-run" in map(str, command))
        return subprocess.CompletedProcess(command, code, plan, "ERROR: no such version")

    monkeypatch.setattr(subprocess, "run", answer)
    dev.install_torch(tmp_path)
    dev.install_torch(tmp_path)
    assert asked == ([True, False] if "sympy" in names else [True])


def test_the_tasks_of_the_project_are_there(dev):
    pages = [README, (ROOT / "CONTRIBUTING.md").read_text("utf-8")]
    pages += [path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")]
    named = set(re.findall(r"python3 dev\.py (\w+)", "\n".join(pages)))
    assert {"demo", "test", "soak", "forms"} <= named
    assert named <= set(dev.TASKS)
