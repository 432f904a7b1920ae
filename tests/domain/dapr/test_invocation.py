"""Which fields of a request a sidecar passes on, and where it sends the request."""

from __future__ import annotations

import pytest

from app.domain.dapr.invocation import Callee, Invocation, passed_on


def test_fields_of_the_hop_are_not_passed_on() -> None:
    given = (
        ("Host", "localhost:3500"),
        ("Connection", "keep-alive, X-Mine"),
        ("X-Mine", "1"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"),
        ("Content-Type", "text/plain"),
        ("Dapr-Api-Token", "secret"),
        ("X-Yours", "2"),
        ("traceparent", "00-1-2-3"),
        ("X-Wide", "caf\xe9"),
    )
    kept = passed_on(given, without=("dapr-api-token",))
    assert kept == (("X-Yours", "2"), ("traceparent", "00-1-2-3"))


@pytest.mark.parametrize("base", ["http://127.0.0.1:1/base", "http://127.0.0.1:1/base/"])
def test_the_path_goes_below_that_of_the_app(base: str) -> None:
    callee = Callee(app_id="films", url=base)
    invocation = Invocation(callee=callee, caller="x", method="GET", target="a%2Fb?c=d")
    assert invocation.url == "http://127.0.0.1:1/base/a%2Fb?c=d"
