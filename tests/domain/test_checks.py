"""Checks: what a client wrote is repeated safely."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.checks import MAX_QUOTED, quoted


def test_plain_text_stands_as_it_is() -> None:
    assert quoted("0 15 10 ? * *") == '"0 15 10 ? * *"'


def test_long_text_is_cut() -> None:
    assert quoted("x" * MAX_QUOTED) == '"' + "x" * MAX_QUOTED + '"'
    assert quoted("x" * 1000) == '"' + "x" * MAX_QUOTED + '..."'


@given(st.text())
def test_any_text_becomes_printable_ascii(text: str) -> None:
    shown = quoted(text)
    assert shown.isascii()
    assert shown.isprintable()
