"""Files that take long are begun first, and one that is not marked as such is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.exclusive_tests import ALONE
from tests.file_order import LONG, FileTimes

ROOT = Path(__file__).parent.parent


def test_long_files_come_first_and_those_that_run_alone_last(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.conftest import pytest_collection_modifyitems\n"
    )
    for name, mark in {"a": ALONE, "b": "", "c": LONG, "d": "", "e": LONG}.items():
        marked = f"import pytest\npytestmark = pytest.mark.{mark}\n" if mark else ""
        text = f"{marked}def test_2() -> None: ...\ndef test_1() -> None: ...\n"
        (tmp_path / f"test_{name}.py").write_text(text)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"),
            *("-c", ROOT / "pyproject.toml", "-o", "addopts=", f"--rootdir={tmp_path}", tmp_path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line.partition(".py")[0] for line in done.stdout.splitlines() if ".py" in line]
    assert found == [f"test_{name}" for name in "cceebbddaa"], done.stdout


def report(file: str, seconds: float, *marks: str) -> pytest.TestReport:
    return pytest.TestReport(
        f"{file}::test",
        (file, 1, "test"),
        dict.fromkeys(marks, 1),
        "passed",
        None,
        "call",
        duration=seconds,
    )


def test_a_file_of_a_minute_that_is_not_marked_is_named() -> None:
    times = FileTimes()
    for each in (
        report("test_long.py", 90.0, LONG),
        report("test_alone.py", 1.0, ALONE),
        report("test_alone.py", 80.0),
        report("test_unmarked.py", 30.0),
        report("test_short.py", 59.0),
        report("test_unmarked.py", 31.0),
    ):
        times.pytest_runtest_logreport(each)
    assert times.unmarked() == [("test_unmarked.py", 61.0)]
