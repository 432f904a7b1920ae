"""Chunks: bodies in pieces of any size, and codings that are refused."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http_server.chunks import MAX_LINE, MAX_OVERHEAD, Chunks
from app.http_server.heads import Refused


def decode(pieces: Iterable[bytes]) -> tuple[bytes, bool, bytes]:
    """The body, whether it is whole, and what follows it."""
    chunks = Chunks()
    body, rest = b"", b""
    for piece in pieces:
        if chunks.is_whole:
            rest += piece
            continue
        part, rest = chunks.feed(piece)
        body += part
    return body, chunks.is_whole, rest


def test_chunks_are_joined() -> None:
    sent = b"5;x=y\r\nhello\r\n00A \t; a\r\n, world!!!\r\n0\r\nTrailer: x\r\nB:\r\n\r\nGET /"
    assert decode([sent]) == (b"hello, world!!!", True, b"GET /")


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    st.lists(st.integers(0, 300), max_size=8),
    st.binary(max_size=10),
)
def test_it_does_not_matter_how_they_arrive(
    parts: list[bytes], cuts: list[int], after: bytes
) -> None:
    sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n" + after
    at = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    pieces = [sent[begin:end] for begin, end in pairwise(at)]
    assert decode(pieces) == (b"".join(parts), True, after)


def test_a_body_is_not_whole_before_its_end() -> None:
    for sent in (b"", b"3", b"3\r\n", b"3\r\nab", b"3\r\nabc", b"3\r\nabc\r\n", b"0\r\n"):
        assert not decode([sent])[1]


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x1\r\n",
        b"1_0\r\n",
        b" 1\r\n",
        b"1 1\r\n",
        b"1\n\r\n",
        b"123456789\r\n",
        b"1;\x00\r\n",
        b"3\r\nabcd\r\n",
        b"3\r\nab\r\n\r\n",
        b"0\r\nno trailer\r\n",
        b"0\r\n folded: x\r\n",
        b"0\r\na : b\r\n",
        b"1;" + b"x" * MAX_LINE + b"\r\n",
        b"1" * (MAX_LINE + 1),
        b"0\r\n" + b"a: b\r\n" * 5000,
    ],
)
def test_what_is_no_chunk_is_refused(sent: bytes) -> None:
    with pytest.raises(Refused):
        decode([sent])


def test_chunks_that_are_tiny_are_refused_at_some_point() -> None:
    with pytest.raises(Refused):
        decode([b"1\r\nx\r\n" * MAX_OVERHEAD])
    assert decode([b"400\r\n%b\r\n" % (b"x" * 1024) * 1000])[0] == b"x" * 1024 * 1000
