"""What installs the package: the recipe for conda says what pyproject.toml says."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import omniscopy as om

ROOT = Path(__file__).resolve().parents[1]
# conda-forge's names, where they differ: those without what is for another interface.
CONDA = {
    "dask[array]": "dask-core", "isal": "python-isal", "matplotlib": "matplotlib-base",
    "torch": "pytorch",
}  # fmt: skip


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def recipe():
    return yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text("utf-8"))


def asked(requirements):
    """Return requirements of pip as conda writes them."""
    found = set()
    for each in requirements:
        name, bounds = re.fullmatch(r"([\w.\-\[\]]+?)([<>=].*)", each).groups()
        found.add(f"{CONDA.get(name, name)} {bounds}")
    return found


def test_conda_base_asks_for_what_pip_asks_for(project, recipe):
    base = recipe["outputs"][0]["requirements"]["run"]
    assert set(base[1:]) == asked(project["dependencies"])
    assert base[0] == "python >=${{ python_min }}"
    assert f">={recipe['context']['python_min']}" == project["requires-python"]
    assert recipe["context"]["version"] == project["version"]
    script = recipe["outputs"][0]["build"]["python"]["entry_points"]
    assert script == [f"{name} = {where}" for name, where in project["scripts"].items()]


def test_conda_full_adds_the_extras(project, recipe):
    run = recipe["outputs"][1]["requirements"]["run"]
    extras = project["optional-dependencies"]
    # Bridges to libraries under other licences are everybody's own choice.
    wanted = [each for name, group in extras.items() if name != "vendor" for each in group]
    assert "omniscopy-base" in run[0]
    assert set(run[1:]) == asked(wanted)


def test_the_package_says_its_version(project):
    assert om.__version__ == project["version"]
    cited = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {project['version']}\n" in cited
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = om.no_such_name


def test_the_wheel_holds_the_package_with_its_tables_and_pages(tmp_path):
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT,
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    source = ROOT / "src"
    tracked = subprocess.run(
        ["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    expected = {name.removeprefix("src/") for name in tracked if (ROOT / name).exists()}
    expected = expected or {path.relative_to(source).as_posix() for path in source.rglob("*.py")}
    assert expected <= inside
    assert not [name for name in inside if "test_" in name or name.endswith(".pyc")]
    assert "omniscopy/py.typed" in inside
    assert [name for name in inside if name.endswith(".dist-info/licenses/LICENSE")]
    assert wheel.stat().st_size < 10e6
