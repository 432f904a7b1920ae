"""Names: what Dapr takes is taken, what no version of it takes is not."""

from __future__ import annotations

import pytest

from app.domain.dapr.names import MAX_NAME, check_name
from app.domain.dapr.refusal import Refusal
from tests.domain.dapr.vectors import Vector, of

STRICT = "DNS-1123"


@pytest.mark.parametrize("vector", [each for each in of("job_name") if each.expected == "valid"])
def test_what_any_version_takes(vector: Vector) -> None:
    check_name(vector.input)


REFUSED = [
    each
    for each in of("job_name")
    # Older versions refused more than the newer ones, which are followed.
    if each.expected == "invalid" and (STRICT not in each.more["profile"] or "/" in each.input)
]


@pytest.mark.parametrize("vector", REFUSED)
def test_what_newer_versions_refuse(vector: Vector) -> None:
    with pytest.raises(Refusal, match=r"^job name is invalid") as refusal:
        check_name(vector.input)
    assert refusal.value.member == "name"


@pytest.mark.parametrize(
    "name", ["fo...o", "||", "foo||", "||foo", "R2-D2", "C-3PO", "a b", " a ", "ü😀"]
)
def test_what_newer_versions_take(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "job name cannot be empty"),
        (".", "step in a path"),
        ("..", "step in a path"),
        ("a\\b", "at character 2"),
        ("#", "at character 1"),
        ("a\x7f", "at character 2"),
        ("a\x85", "at character 2"),
        ("a\ud800", "at character 2"),
        ("x" * (MAX_NAME + 1), "513 characters"),
    ],
)
def test_invalid_names_are_refused(name: str, reason: str) -> None:
    with pytest.raises(Refusal, match=reason) as refusal:
        check_name(name)
    assert refusal.value.text.isascii()
    assert refusal.value.text.isprintable()


def test_the_longest_name() -> None:
    check_name("ü" * MAX_NAME)
