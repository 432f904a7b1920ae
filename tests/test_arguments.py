"""Arguments: a wrong number or name ends a program of the tests with a line, and not with 0."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import arguments
from tests.arguments import MISUSED

CLIENT = "clients/python/src"


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [("", float, 10.0), ("0.5", float, 0.5), ("3", int, 3), ("1", int, 1)],
)
def test_a_number_of_the_environment_is_read(
    text: str, kind: type[int | float], found: float
) -> None:
    given = arguments.of_environment({"MINUTES": text}, "MINUTES", 10, least=0.5, kind=kind)
    assert given == found


@pytest.mark.parametrize("text", ["x", "-1", "nan", "inf", "0", "1,5", "0x1"])
@pytest.mark.parametrize("kind", [int, float])
def test_another_text_is_refused_with_its_name(
    text: str, kind: type[int | float], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        arguments.of_environment({"MINUTES": text}, "MINUTES", 10, least=1, kind=kind)
    assert refused.value.code == MISUSED
    assert f"MINUTES is {text!r}" in capsys.readouterr().err


def test_a_part_that_no_name_has_is_refused_with_all_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert arguments.having("a", ["dapr", "native", "fusion"]) == ["dapr", "native"]
    with pytest.raises(SystemExit) as refused:
        arguments.having("nonsense", ["dapr", "fusion"])
    assert refused.value.code == MISUSED
    assert "no name contains 'nonsense'; there are dapr, fusion" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "options", "environment"),
    [
        ("tests.interleavings", ["--only", "nonsense"], {}),
        ("tests.interleavings", ["--switches", "0"], {}),
        ("tests.models", ["--only", "nonsense"], {}),
        ("tests.models", ["--examples", "-1"], {}),
        ("tests.simulation", ["--breakages", "nonsense"], {}),
        ("tests.simulation", ["--planted", "nonsense"], {}),
        ("tests.simulation", ["--only", "nonsense"], {}),
        ("tests.simulation", ["--only", "once-99999"], {}),
        ("tests.simulation", ["--seeds", "-1"], {}),
        ("tests.simulation", ["--crashes", "-1"], {}),
        ("tests.simulation", ["--days", "-5"], {}),
        ("tests.fuzz", [], {"FUZZ_MINUTES": "-1"}),
        ("tests.fuzz", [], {"FUZZ_SEED": "x"}),
        ("tests.chaos", [], {"CHAOS_MINUTES": "0"}),
        ("tests.chaos", [], {"CHAOS_FIRINGS": "x"}),
        ("tests.soak", [], {"SOAK_MINUTES": "x"}),
    ],
)
def test_no_program_of_the_tests_takes_nothing_for_a_success(
    module: str, options: list[str], environment: dict[str, str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", module, *options],
        env={**os.environ, "PYTHONPATH": CLIENT, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == MISUSED, ended
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip()
