"""Tests of the distribution: its wheel, installed with what it declares and nothing else."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = Path(__file__).parents[2] / "clients" / "python"
SAMPLE = Path(__file__).with_name("sample_user.py")


class Installed(NamedTuple):
    """A fresh environment with the wheel, and the wheel itself."""

    bin: Path
    wheel: Path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Built and installed without a network: what it depends on is lent from this environment."""
    home = tmp_path_factory.mktemp("package")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", f"{home}")
    (wheel,) = home.glob("*.whl")
    venv.create(home / "venv", with_pip=False)
    (packages,) = home.glob("venv/lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as opened:
        requirements = Distribution.at(unpacked_metadata(opened, home)).requires or []
    for needed in closure([each for each in requirements if "extra ==" not in each]):
        lend(needed, packages)
    python = home / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", f"--python={python}"]
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", f"{wheel}")
    run(*pip, "check")
    return Installed(bin=python.parent, wheel=wheel)


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def unpacked_metadata(wheel: zipfile.ZipFile, home: Path) -> Path:
    (name,) = {Path(each).parts[0] for each in wheel.namelist() if ".dist-info/" in each}
    wheel.extractall(home / "metadata", [each for each in wheel.namelist() if name in each])
    return home / "metadata" / name


def closure(requirements: list[str]) -> Iterator[Distribution]:
    """What is needed directly and indirectly, as it is installed here."""
    seen: set[str] = set()
    left = [Requirement(each) for each in requirements]
    while left:
        needed = left.pop()
        name = canonicalize_name(needed.name)
        if name in seen or (needed.marker and not needed.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        found = distribution(name)
        assert needed.specifier.contains(found.version), f"{needed} is locked as {found.version}"
        yield found
        left += [Requirement(each) for each in found.requires or []]


def lend(lent: Distribution, packages: Path) -> None:
    """Link what a distribution installed into another environment."""
    for top in {Path(f"{each}").parts[0] for each in lent.files or []} - {".."}:
        link = packages / top
        if not link.exists():
            link.symlink_to(Path(f"{lent.locate_file(top)}"))


def test_the_wheel_holds_the_library_its_types_and_its_licence(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = set(wheel.namelist())
        (licence,) = (name for name in names if name.endswith("/licenses/LICENSE"))
        assert wheel.read(licence) == (PACKAGE.parents[1] / "LICENSE").read_bytes()
    assert {"wakecall/__init__.py", "wakecall/py.typed", "wakecall/_sync/client.py"} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"wakecall"}
    source = {f"{path.relative_to(PACKAGE / 'src')}" for path in (PACKAGE / "src").rglob("*.py")}
    assert source <= names


def test_it_runs_alone(installed: Installed) -> None:
    program = (
        "import sys, wakecall; wakecall.Client('key', url='http://127.0.0.1:9');"
        "print(wakecall.__version__, sorted({'flask', 'app', 'mcp', 'tomlkit'} & {*sys.modules}))"
    )
    assert run(f"{installed.bin / 'python'}", "-I", "-c", program) == "0.1.0 []\n"
    assert "Usage: wakecall" in run(f"{installed.bin / 'wakecall'}", "--help")


def test_a_users_program_is_checked_against_its_types(installed: Installed, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(SAMPLE.read_text())
    command = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}"]
    where = f"--python-executable={installed.bin / 'python'}"
    done = subprocess.run(
        [*command, where, f"{program}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "Success: no issues found in 1 source file\n", done.stdout + done.stderr
