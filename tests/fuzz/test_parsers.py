"""What reads texts of clients and receivers returns a value or its refusal, and in time.

A short run of what `make fuzz` does for minutes, always with the same texts.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from app.service.dapr import job_lists
from tests.api.conftest import app, environ, key, make_app, make_key
from tests.fuzz import corpus
from tests.fuzz.parser import Parser
from tests.fuzz.parsers import PARSERS
from tests.fuzz.parsers.answers import answers
from tests.fuzz.parsers.requests import Requests, parsers_of, requests_to
from tests.fuzz.search import SHORT, Effort, Search

__all__ = ["app", "environ", "key", "make_app", "make_key"]

OF_SERVERS = Effort(changed=250, drawn=15, long=6)


def findings(name: str, parser: Parser, effort: Effort = SHORT) -> list[str]:
    search = Search(name=name, parser=parser, drawn_from="1", kept=corpus.load(name))
    return [str(each) for each in search.run(effort)]


@pytest.mark.parametrize("name", PARSERS)
def test_texts_are_read_or_refused_in_time(name: str) -> None:
    assert findings(name, PARSERS[name]) == []


@pytest.fixture
def requests(app: Flask, key: str) -> Iterator[Requests]:
    with requests_to(app, key) as made:
        yield made


def test_requests_are_answered_without_a_defect_and_in_time(requests: Requests) -> None:
    for name, parser in parsers_of(requests).items():
        assert findings(name, parser, OF_SERVERS) == []

    # Not only refusals: what is behind them was reached as well.
    assert sum(requests.statuses.get(each, 0) for each in (200, 201, 204, 303)) > 100


def test_a_defect_of_an_rpc_is_found(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    sample = "/dapr.proto.runtime.v1.Dapr/ListJobs\ndapr-api-token:{key}\ndapr-app-id:orders\n\n"
    requests.answer_rpc(sample)
    monkeypatch.setattr(job_lists, "list_jobs", fail)
    with pytest.raises(AssertionError):
        requests.answer_rpc(sample)


def test_answers_of_receivers_are_read_without_a_defect_and_in_time() -> None:
    with answers() as parsers:
        for name, parser in parsers.items():
            assert findings(name, parser, OF_SERVERS) == []
