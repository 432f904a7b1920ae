"""Tabs of the console ask as the script of a page does, and what they cost calls is reported."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bench import report, results, tabs
from bench.children import Failed
from bench.harness import MISSED_AIMS
from bench.phases import console
from tests.receiver import Exchange, Gone, Receiver

PAGE = b'<body data-tag="W/&quot;1&quot;"><main data-live="1">'
PAGES = {"took": [0.01] * 99 + [0.5], "statuses": {"200": 60, "304": 40}}


def answer(exchange: Exchange) -> None:
    """A page the first time, and then that it has not changed."""
    if exchange.request.header("If-None-Match") is None:
        length = len(PAGE)
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, PAGE))
    else:
        exchange.send(b"HTTP/1.1 304 Not Modified\r\n\r\n")
    raise Gone


def test_a_tab_asks_again_as_often_as_its_page_says_for_what_has_changed() -> None:
    opened = [{"path": f"/console/{name}", "cookie": f"wakecall={name}"} for name in ("a", "b")]
    with Receiver(answer) as receiver:
        score: dict[str, Any] = asyncio.run(
            tabs.watch(receiver.port, opened, opened_within=0.1, seconds=2.5)
        )
        requests = receiver.requests

    assert score["statuses"][200] == 2
    assert score["statuses"][304] >= 2
    assert len(score["took"]) == score["statuses"].total() == len(requests)
    first, *_, last = [each for each in requests if each.target == "/console/a"]
    assert first.header("If-None-Match") is None
    assert (last.header("If-None-Match"), last.header("Cookie")) == ('W/"1"', "wakecall=a")
    assert last.at - first.at >= 1


def test_what_tabs_cost_is_reported_and_compared_with_the_aim() -> None:
    late = {"alone": [0.001] * 100, "beside": [0.001] * 90 + [0.006] * 10}

    found = console.measured(late, PAGES, seconds=50.0)

    figures = found[console.KEY]
    assert (figures["pages_per_s"], figures["unchanged"]) == (2.0, 0.4)
    assert (figures["alone"]["p99"], figures["beside"]["p99"]) == (1.0, 6.0)
    assert MISSED_AIMS not in found
    text = report.block({**results.read(), **found})
    assert "beside 100 tabs of the console" in text

    late["beside"] = [0.1] * 100
    (missed,) = console.measured(late, PAGES, seconds=50.0)[MISSED_AIMS]
    assert missed == "console: the p99 beside 100 tabs is 99.0 ms above that without them"


def test_pages_that_could_not_be_shown_fail_the_phase() -> None:
    pages = {"took": [0.01], "statuses": {"503": 1}}
    with pytest.raises(Failed, match="503"):
        console.measured({"alone": [0.1], "beside": [0.1]}, pages, seconds=1.0)
