"""Heads: what a request says, and what is refused because it could be read in two ways."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http_server import heads
from app.http_server.heads import MAX_FIELDS, Head, Refused


def read(*lines: bytes, first: bytes = b"POST /a HTTP/1.1") -> Head:
    return heads.read(b"\r\n".join((first, *lines)))


def refused(*lines: bytes, first: bytes = b"POST /a HTTP/1.1") -> int:
    with pytest.raises(Refused) as found:
        read(*lines, first=first)
    return found.value.status


def test_a_head_is_read_as_it_came() -> None:
    found = read(
        b"Host: example.com",
        b"X-A:b",
        b"X-a: \t c \t",
        b"X-Empty:",
        b"X-Latin: \xe9",
        b"Content-Length: 12",
        first=b"POST /a%2Fb?c=/d?e HTTP/1.1",
    )
    assert (found.method, found.path, found.query) == ("POST", b"/a%2Fb", b"c=/d?e")
    assert found.headers == [
        (b"host", b"example.com"),
        (b"x-a", b"b"),
        (b"x-a", b"c"),
        (b"x-empty", b""),
        (b"x-latin", b"\xe9"),
        (b"content-length", b"12"),
    ]
    assert (found.version, found.length, found.keeps_alive) == ("1.1", 12, True)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", b"/", b""),
        (b"/?", b"/", b""),
        (b"/a\"{}|^_[]@!$&'()*+,;=:~", b"/a\"{}|^_[]@!$&'()*+,;=:~", b""),
        ("/ä?ü".encode(), "/ä".encode(), "ü".encode()),
        (b"http://example.com", b"/", b""),
        (b"HTTPS://example.com:80/a?b", b"/a", b"b"),
        (b"http://example.com?b", b"/", b"b"),
        (b"*", b"*", b""),
    ],
)
def test_targets(target: bytes, path: bytes, query: bytes) -> None:
    found = read(first=b"GET %b HTTP/1.1" % target)
    assert (found.path, found.query) == (path, query)


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        ((), [(b"host", b"a:1")]),
        ((b"Accept: */*", b"Host: b"), [(b"host", b"a:1"), (b"accept", b"*/*")]),
        ((b"Host: b", b"host: c"), [(b"host", b"b"), (b"host", b"c")]),
    ],
)
def test_a_target_in_absolute_form_names_the_host_whatever_one_field_says(
    lines: tuple[bytes, ...], headers: list[tuple[bytes, bytes]]
) -> None:
    assert read(*lines, first=b"GET http://a:1/ HTTP/1.1").headers == headers


def test_connect_has_no_path() -> None:
    assert read(first=b"CONNECT a:1 HTTP/1.1").path == b""


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b" GET / HTTP/1.1",
        b"GET / http/1.1",
        b"GET / HTTP/1.10",
        b"G(T / HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /a#b HTTP/1.1",
        b"GET /a<b> HTTP/1.1",
        b"GET /?a`#b HTTP/1.1",
        b"GET /a\x7fb HTTP/1.1",
        b"GET /\xff HTTP/1.1",
        b"GET a HTTP/1.1",
        b"GET ftp://a/ HTTP/1.1",
        b"GET http:///a HTTP/1.1",
        b"CONNECT /a HTTP/1.1",
    ],
)
def test_a_line_that_is_not_one_is_refused(first: bytes) -> None:
    assert refused(first=first) == 400


def test_other_versions() -> None:
    assert refused(first=b"PRI * HTTP/2.0") == 505
    assert read(first=b"GET / HTTP/1.0").version == "1.0"
    assert read(first=b"GET / HTTP/1.2").version == "1.1"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"a",
        b": b",
        b"a : b",
        b" a: b",
        b"\ta: b",
        b"a b: c",
        b"a(: b",
        b"\xe4: b",
        b"a: b\0c",
        b"a: b\x0bc",
        b"a: b\x7fc",
        b"a: b\rc",
        b"a: b\nc: d",
        b"a: b\r",
    ],
)
def test_a_field_that_is_not_one_is_refused(line: bytes) -> None:
    assert refused(line) == 400


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: "],
        [b"Content-Length: x"],
        [b"Content-Length: -1"],
        [b"Content-Length: +1"],
        [b"Content-Length: 1_0"],
        [b"Content-Length: 0x1"],
        [b"Content-Length: 1, 1"],
        [b"Content-Length: 1", b"content-length: 1"],
        [b"Content-Length: " + b"1" * 19],
        [b"Content-Length: \xb2"],
        [b"Transfer-Encoding: gzip"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked, chunked"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: \x0bchunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 1"],
        [b"Content-Length: 1", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding:"],
    ],
)
def test_a_length_that_could_be_read_in_two_ways_is_refused(lines: list[bytes]) -> None:
    assert refused(*lines) == 400


def test_a_body_in_chunks_has_no_length_and_needs_http_1_1() -> None:
    assert read(b"Transfer-Encoding: Chunked").length is None
    assert refused(b"Transfer-Encoding: chunked", first=b"POST / HTTP/1.0") == 400
    assert read(first=b"POST / HTTP/1.1").length == 0


@pytest.mark.parametrize(
    ("version", "fields", "then"),
    [
        (b"1.1", [], "kept"),
        (b"1.1", [b"Connection: close"], "closed"),
        (b"1.1", [b"Connection: upgrade, Close"], "closed"),
        (b"1.1", [b"Connection: keep-alive", b"Connection: close"], "closed"),
        (b"1.0", [], "closed"),
        (b"1.0", [b"Connection: Keep-Alive"], "kept"),
        (b"1.0", [b"Connection: keep-alive, close"], "closed"),
    ],
)
def test_whether_a_connection_is_used_again(version: bytes, fields: list[bytes], then: str) -> None:
    found = read(*fields, first=b"GET / HTTP/%b" % version)
    assert found.keeps_alive is (then == "kept")


def test_a_client_may_wait_for_leave_to_send_its_body() -> None:
    assert read(b"Expect: 100-Continue").expects_continue
    assert not read(b"Expect: more").expects_continue
    assert not read(b"Expect: 100-continue", first=b"POST / HTTP/1.0").expects_continue


def test_fields_are_limited_in_number() -> None:
    assert len(read(*[b"a: b"] * MAX_FIELDS).headers) == MAX_FIELDS
    assert refused(*[b"a: b"] * (MAX_FIELDS + 1)) == 431


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for head in (data, b"GET /" + data, b"GET / HTTP/1.1\r\n" + data):
        with suppress(Refused):
            found = heads.read(head)
            assert b"\n" not in b"".join(name + value for name, value in found.headers)
