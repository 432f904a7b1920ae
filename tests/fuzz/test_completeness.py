"""No reader of what clients send is left out: each header is sent, each refusal is reached."""

from __future__ import annotations

from flask import Flask

from tests.api.conftest import app, environ, key, make_app, make_key
from tests.fuzz import corpus, sources
from tests.fuzz.parser import Parser
from tests.fuzz.parsers import PARSERS
from tests.fuzz.parsers.requests import HEADERS, parsers_of, requests_to
from tests.fuzz.reached import Functions

__all__ = ["app", "environ", "key", "make_app", "make_key"]

OF_ANSWERS = {"retry-after", "-"}
"""Headers of the service's own answers, which it reads again; and the prefix of the variables."""

_PASSWORD = "it asks for the password of a user"
_OPERATOR = "only an operator of the service gets there"
_SELECTION = "it needs jobs that a person selected on a page: tests/console/test_job_selection.py"
_STATE = "it depends on what is stored, not on the text alone"

ELSEWHERE = {
    "console.pages.account.delete_account": _PASSWORD,
    "console.pages.admin._below": _OPERATOR,
    "console.pages.delete_user.delete_user": _PASSWORD,
    "console.pages.job_selection._check_for_all": _SELECTION,
    "console.pages.job_selection._check_typed": _SELECTION,
    "console.pages.job_selection._ids": _SELECTION,
    "console.pages.job_selection._position": _SELECTION,
    "console.pages.job_selection._state": _SELECTION,
    "console.pages.suspension.change_account": _OPERATOR,
    "domain.inbox_address.read_origin": "it reads a setting of the operator",
    "service.account_lifecycle._check_reason": _OPERATOR,
    "service.accounts.create_within": _STATE,
    "service.dapr.apps.put": _STATE,
    "service.endpoints._kept_token": _STATE,
    "service.endpoints.put": _STATE,
    "service.invitations._check": _OPERATOR,
    "service.job_selection._act": _SELECTION,
    "service.job_selection._in_time": _SELECTION,
    "service.job_selection.apply": _SELECTION,
    "service.read_only_members.check": _STATE,
    "service.keys._check": _STATE,
    "service.limits.check": _OPERATOR,
    "service.sign_in._check_own": _PASSWORD,
    "service.sign_up._check_addressee": "it needs an invitation",
    "service.sign_up._identify": "it needs an invitation",
    "service.sign_up.request": "sign-up is closed by default",
}
"""Functions that refuse, and that the texts of the parsers alone need not reach: why not."""


def test_every_header_that_is_read_is_among_those_that_requests_have() -> None:
    known = {name.lower() for name in HEADERS} | OF_ANSWERS

    assert sources.headers() - known == set()
    # What is found is not nothing.
    assert {"authorization", "idempotency-key", "accept", "webhook-id"} <= sources.headers()


def test_every_function_that_refuses_a_text_is_reached_by_the_kept_texts(
    app: Flask, key: str
) -> None:
    functions = Functions()
    with requests_to(app, key) as made, functions.noted():
        for name, parser in {**PARSERS, **parsers_of(made)}.items():
            read_all(name, parser)

    refusing = sources.refusing_functions()
    missing = {name for place, name in refusing.items() if place not in functions.seen}
    assert missing <= set(ELSEWHERE)
    assert set(ELSEWHERE) <= set(refusing.values())
    assert len(refusing) > 150


def read_all(name: str, parser: Parser) -> None:
    for text in (*parser.samples, *corpus.load(name)):
        parser.read_quietly(text)
