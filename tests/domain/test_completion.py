"""Completion: the announcement in a response, the token, and the reported result."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from app.domain.completion import MAX_WITHIN, Completion, Result, Tokens, within
from app.domain.run import Reply, RunState

KEY = Fernet.generate_key().decode()
NEXT = Fernet.generate_key().decode()


@given(st.uuids(), st.uuids())
def test_a_token_is_good_for_its_run_alone(run: UUID, other: UUID) -> None:
    tokens = Tokens([KEY])
    token = tokens.make(run)

    assert re.fullmatch(r"[\w-]{44}", token, re.ASCII)
    assert tokens.fits(token, run)
    assert tokens.fits(token, other) is (run == other)
    assert not Tokens([NEXT]).fits(token, run)


def test_the_key_can_be_changed() -> None:
    run = UUID(int=7)
    before, while_changing = Tokens([KEY]), Tokens([NEXT, KEY])

    assert while_changing.fits(before.make(run), run)
    assert while_changing.make(run) == Tokens([NEXT]).make(run)


@given(st.text())
def test_an_invalid_token_fits_no_run(text: str) -> None:
    assert not Tokens([KEY]).fits(text, UUID(int=7))


def test_a_token_does_not_change_between_releases() -> None:
    tokens = Tokens(["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])
    assert tokens.make(UUID(int=7)) == "8t_ElkEWJSTbANbgELKT_KkNU0pyuwBgRtNzm-putdA_"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("later", 3600),
        ("LATER", 3600),
        (" later ; within=60", 60),
        ("later;Within = 60", 60),
        ("later; other=1; within=5; within=6", 5),
        ("later; within=0", 1),
        ('later; within="60"', 60),
        ('later; within=""', 3600),
        ('later; within="', 3600),
        ('later; within="60', 3600),
        ("later; within=604800", MAX_WITHIN),
        ("later; within=604801", MAX_WITHIN),
        ("later; within=" + "9" * 5000, MAX_WITHIN),
        ("later; within=-5", 3600),
        ("later; within=1.5", 3600),
        ("later; within=٣", 3600),
        ("later; within", 3600),
        ("later;;", 3600),
        ("", None),
        ("now", None),
        ("laters", None),
        ("within=60", None),
    ],
)
def test_how_long_a_receiver_may_take(value: str, seconds: int | None) -> None:
    headers = (("Server", "x"), ("wakecall-COMPLETE", value))
    assert within(Reply(status=202, headers=headers)) == seconds


@pytest.mark.parametrize("status", [200, 201, 204, 404, 500, None])
def test_only_a_202_says_later(status: int | None) -> None:
    error = "timeout" if status is None else None
    headers = (("Wakecall-Complete", "later"),)
    assert within(Reply(status=status, error=error, headers=headers)) is None
    assert within(Reply(status=202)) is None


@given(st.text())
def test_no_answer_breaks_it(value: str) -> None:
    found = within(Reply(status=202, headers=(("Wakecall-Complete", value),)))
    assert found is None or 1 <= found <= MAX_WITHIN


def test_a_completion_sets_how_a_run_ends_and_why() -> None:
    for completion, state, reason in (
        (Completion(result=Result.SUCCEEDED), RunState.SUCCEEDED, None),
        (Completion(result=Result.SUCCEEDED, message="7 rows"), RunState.SUCCEEDED, "7 rows"),
        (Completion(result=Result.FAILED, message="no disk"), RunState.FAILED, "no disk"),
    ):
        assert (completion.state, completion.reason) == (state, reason)
    assert Completion(result=Result.FAILED).reason
