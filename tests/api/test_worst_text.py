"""No text that a client sends costs more time than its length allows, with a key or without."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import app as application
import workers
from app.api import bodies, negotiation, wsgi_bridge
from app.api.fusion import schedule_document
from app.errors import InvalidMember
from tests.api.worst_dialects import NOW
from tests.api.worst_text_inputs import TEXT_INPUTS
from tests.worst import SIZE, TextInput, is_fast, repeated

# Read from files of ours, or from an operator's command line: no text of a client comes there.
OURS = {
    *("store.queries._HEAD", "store.queries._USE", "service.accounts._NAME"),
    *("server_urls._SCHEME", "server_urls._UNKNOWN", "server_urls._PORT"),
    # Our own markup: texts of clients have neither < nor > in it.
    "console.rendering._VOLATILE",
}
# Of headers that were checked when they were booked: tests/delivery/test_error_details.py. Of heads
# of responses: tests/delivery/test_answer_head.py.
ELSEWHERE = {
    "delivery.engine._VISIBLE",
    *("delivery.answer_head._STATUS_LINE", "delivery.answer_head._FRAMING"),
}

SEARCH = {"docs_site.search._WORD", "docs_site.search._HUMP"}

MAX_TARGET = 60 * 1024
"""Of an address, about as many characters as the server hands over."""


@pytest.mark.parametrize(
    ("text_input", "worst"),
    [
        pytest.param(text_input, worst, id=f"{name}-{number}")
        for name, text_input in TEXT_INPUTS.items()
        for number, worst in enumerate(text_input.worst)
    ],
)
def test_the_worst_text_is_read_fast(text_input: TextInput, worst: Callable[[int], Any]) -> None:
    assert is_fast(text_input.read, worst(SIZE), text_input.limit_s)


def test_every_pattern_is_in_the_table() -> None:
    listed = {pattern for text_input in TEXT_INPUTS.values() for pattern in text_input.patterns}

    found = patterns()
    # The documentation is read from files of ours; only its search is given text of clients.
    pages = {each for each in found if each.startswith("docs_site.")} - SEARCH
    assert listed | OURS | ELSEWHERE | pages == found


def patterns() -> set[str]:
    """The compiled patterns in the modules of `app` and `workers`, each where it is made."""
    # A pattern is one object, also where one module has it from another or two write it alike.
    found: dict[int, str] = {}
    for package in (application, workers):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(each.name)).items():
                if isinstance(value, re.Pattern):
                    found.setdefault(id(value), f"{each.name.removeprefix('app.')}.{name}")
    return set(found.values())


# A text that each of the places below is given, which are all that is read without a key.
LONG_FIELDS = {
    "accept": ('\\"', "a/b,", 'a/b;q="', ";", "*/*;q=0.1,"),
    "authorization": ("Bearer ", "Basic ", "YWFh", " ", "Bearer wk_"),
    "x-api-key": ("wk_", " "),
    "dapr-api-token": ("wk_",),
    "dapr-app-id": ("a.",),
    "content-type": (";a=b", ';a="\\"', "; ", ";a*1=b", "text/"),
    "idempotency-key": ('\\"', "a", '"'),
    "cookie": ("a=b;", 'a="\\', ";"),
    "host": ("a.", "\xe9.", "\xe9", "xn--a.", ":1"),
    "connection": ("upgrade,",),
    "range": ("bytes=1-,", "1-,"),
    "if-none-match": ('"a",', 'W/"'),
    "if-modified-since": ("Sat, ", "9"),
    "accept-language": ("a;q=0.1,",),
    "origin": ("http://", "\xbd", "http://a:9"),
    "sec-fetch-site": ("a",),
    "x-content-signature": ("a b",),
    "x-forwarded-for": ("1.1.1.1,",),
    "expect": ("100-continue",),
}
PATHS = (
    *(
        "/",
        "/1/jobs/",
        "/a",
        "/%00",
        "%",
        "%ff",
        "//v1.0",
        "/v1.0/jobs/",
        "/v1.0-aaa",
        "/:",
        "/http:",
    ),
    *("/by-name", "/api/apps/a", "/1/jobs/x/http:/", "+"),
)
QUERIES = ("a=b&", "&", "%ff", "tag=a&", "limit=9", "=", "%", "\xff")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/1/jobs"),
        ("POST", "/1/jobs/bulk"),
        ("GET", "/v1.0/jobs/a"),
        ("PUT", "/api/tasks/a"),
    ],
)
def test_long_fields_are_refused_fast_and_without_a_key(app: Flask, method: str, path: str) -> None:
    for field, units in LONG_FIELDS.items():
        for unit in units:
            ask = partial(status_of, app, method, path)
            fields = {field: repeated(unit, after="\\")(SIZE)}

            assert ask(fields) in {400, 401, 403, 406}, (field, unit)
            assert is_fast(ask, fields), (field, unit)


@pytest.mark.parametrize("beginning", ["", "/1/jobs", "/v1.0/jobs", "/api/jobs"])
def test_long_paths_are_refused_fast_and_without_a_key(app: Flask, beginning: str) -> None:
    for unit in PATHS:
        ask = partial(status_of, app, "POST", repeated(unit, beginning)(MAX_TARGET))

        assert ask({}) in {401, 403, 404, 414}, unit
        assert is_fast(ask, {}), unit


@pytest.mark.parametrize("size", [15 * 1024, MAX_TARGET])
@pytest.mark.parametrize("path", ["/1/jobs", "/1/runs", "/api/jobs", "/v1.0/jobs/a", "/1/nothing"])
def test_long_queries_are_read_fast_also_with_a_key(
    app: Flask, key: str, path: str, size: int
) -> None:
    for unit in QUERIES:
        ask = partial(status_of, app, "GET", path, query=repeated(unit)(size))

        assert ask({}) in {400, 401, 404, 414}, unit
        assert ask({"x-api-key": key}) in {200, 400, 404, 414}, unit
        assert is_fast(ask, {"x-api-key": key}), unit


def test_a_field_that_is_sent_over_and_over_is_joined_fast(app: Flask) -> None:
    fields = [(b"accept", b"a")] * (SIZE // 10)

    assert is_fast(
        lambda fields: wsgi_bridge.build_environ(scope("GET", "/1/jobs", fields)), fields
    )


def status_of(app: Flask, method: str, path: str, fields: dict[str, str], query: str = "") -> int:
    """The status of a request as the gateway hands it over."""
    named = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
    return wsgi_bridge.run(app, wsgi_bridge.build_environ(scope(method, path, named, query))).status


def scope(
    method: str, path: str, fields: list[tuple[bytes, bytes]], query: str = ""
) -> dict[str, Any]:
    """A request as an ASGI server tells of it; with a Host, if none is among the fields."""
    if all(name != b"host" for name, _ in fields):
        fields = [*fields, (b"host", b"localhost")]
    return {
        "method": method,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "http_version": "1.1",
        "scheme": "http",
        "headers": fields,
    }


# Accept, where the fault was.


def test_an_accept_field_of_more_characters_than_are_read_counts_as_absent() -> None:
    xml = f"{negotiation.XML_TEXT};q=1"
    long = xml + " " * (negotiation.MAX_ACCEPT - len(xml))

    assert negotiation.choose(long, negotiation.DOCUMENTS) == negotiation.XML_TEXT
    assert negotiation.choose(long + " ", negotiation.DOCUMENTS) == negotiation.JSON


@pytest.mark.parametrize("unit", ['\\"', '"\\', "\\", '"', '\\"a,'])
def test_the_accept_pattern_itself_reads_quotes_without_end_in_linear_time(unit: str) -> None:
    assert is_fast(negotiation.parse, repeated(unit, after="\\")(SIZE))


# Other fields and the query.


@pytest.mark.parametrize("length", [bodies.MAX_CONTENT_TYPE, bodies.MAX_CONTENT_TYPE + 1])
def test_a_content_type_of_more_characters_than_are_read_counts_as_absent(
    client: FlaskClient, length: int
) -> None:
    field = "application/json".ljust(length - 4) + ";a=b"

    answer = client.post("/1/preview", data='{"cron": "0 0 0 ? * *"}', content_type=field)

    assert answer.status_code == (200 if length == bodies.MAX_CONTENT_TYPE else 415)


@pytest.mark.parametrize("path", ["/1/jobs", "/1/runs", "/api/jobs", "/api/jobs/task:a/history"])
def test_a_query_that_is_not_utf_8_is_refused(app: Flask, key: str, path: str) -> None:
    assert status_of(app, "GET", path, {"x-api-key": key}, query="limit=\xff") == 400


def test_of_many_unknown_members_no_more_are_compared_than_may_be_kept() -> None:
    many = {f"m{number}": 1 for number in range(schedule_document.MAX_UNKNOWN)}

    with pytest.raises(InvalidMember, match="The unknown members have"):
        schedule_document.parse_lenient({**many, "enbled": True}, resource=None, now=NOW)
    with pytest.raises(InvalidMember, match="There is no member"):
        schedule_document.parse_lenient({"enbled": True, **many}, resource=None, now=NOW)
