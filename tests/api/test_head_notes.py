"""Head notes: found once for requests with the same head, each time where none are kept."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from app.api import wsgi_bridge
from app.api.dapr.rpc import requests
from app.api.head_notes import NOTES, noted
from app.http_server import exchange
from tests.api.exchange import scope_of


def test_what_follows_from_a_head_is_found_once() -> None:
    asked: list[dict[str, Any]] = []

    def find(environ: dict[str, Any]) -> str:
        asked.append(environ)
        return "found"

    without: dict[str, Any] = {}
    notes: dict[str, Any] = {}
    assert {noted(without, "a", find) for _ in range(2)} == {"found"}
    assert {noted({NOTES: notes}, "a", find) for _ in range(3)} == {"found"}
    assert len(asked) == 3
    assert notes == {"a": "found"}


def test_what_differs_between_requests_with_one_head_is_not_noted() -> None:
    scope = {**scope_of("POST", host="x"), exchange.NOTES: {}}
    first = wsgi_bridge.build_environ({**scope, "client": ("10.0.0.1", 1), "server": ("a", 80)})
    first["wakecall.added"] = True
    again = {**scope, "client": ("10.0.0.2", 2), "server": ("b", 81), exchange.BODY: b"body"}
    second = wsgi_bridge.build_environ(again)
    assert second["REMOTE_ADDR"] == "10.0.0.2"
    assert (second["SERVER_NAME"], second["SERVER_PORT"]) == ("b", "81")
    assert second[exchange.BODY] == b"body"
    assert second["HTTP_HOST"] == "x"
    assert "wakecall.added" not in second
    assert second["wsgi.input"] is not first["wsgi.input"]


def test_the_environment_is_the_same_with_and_without_notes() -> None:
    scope = scope_of("POST", host="x", content_length="3")
    plain = wsgi_bridge.build_environ(scope)
    noted_scope = {**scope, exchange.NOTES: {}}
    for _ in range(2):
        environ = wsgi_bridge.build_environ(noted_scope)
        assert environ.pop(NOTES) is noted_scope[exchange.NOTES]
        environ["wsgi.input"] = plain["wsgi.input"]
        assert environ == plain


@pytest.mark.parametrize(
    "build",
    [
        lambda name: wsgi_bridge.build_environ(
            {
                **scope_of("GET"),
                "headers": [(name.encode(), b"")],
                "client": ("10.0.0.1", 1),
                "server": ("a", 80),
            }
        ),
        lambda name: requests.of_head("/x", [(name, "")]),
    ],
    ids=["http", "rpc"],
)
def test_long_names_of_fields_are_not_kept(build: Callable[[str], object]) -> None:
    tracemalloc.start()
    try:
        for number in range(100):
            build(f"{number}" + "x" * 20_000)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 200_000
