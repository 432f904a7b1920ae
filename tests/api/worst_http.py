"""The patterns that the HTTP server reads bytes of clients with, each with its costliest text."""

from __future__ import annotations

from contextlib import suppress

from app.http_server import heads
from app.http_server.chunks import Chunks
from app.http_server.heads import Refused
from tests.worst import TextInput, repeated


def _read_head(text: str) -> None:
    with suppress(Refused):
        heads.read(text.encode("latin-1"))


def _read_chunks(text: str) -> None:
    with suppress(Refused):
        Chunks().feed(text.encode("latin-1"))


HTTP: dict[str, TextInput] = {
    "the head of a request": TextInput(
        read=_read_head,
        worst=(
            repeated("a"),
            repeated("a ", "GET /"),
            repeated("/", "GET ", " HTTP/1.1"),
            repeated("?", "GET /", " HTTP/1.1"),
            repeated("\xc3\xa4", "GET /", " HTTP/1.1"),
            repeated("a", "GET http://", " HTTP/1.1"),
            repeated("http://", "GET ", " HTTP/1.1"),
            repeated("a", "CONNECT ", " HTTP/1.1"),
            repeated("a", "GET / HTTP/1.1\r\n", ": b"),
            repeated("a:b\r\n", "GET / HTTP/1.1\r\n"),
            repeated(",", "GET / HTTP/1.1\r\nConnection: "),
            repeated("1", "GET / HTTP/1.1\r\nContent-Length: "),
            repeated(" \t", "GET / HTTP/1.1\r\na: ", "b"),
        ),
        patterns=(
            *("http_server.heads._LINE", "http_server.heads._NAME", "http_server.heads._PATH"),
            *("http_server.heads._QUERY", "http_server.heads._ABSOLUTE"),
            *("http_server.heads._AUTHORITY", "http_server.heads._LENGTH"),
        ),
        # Read on the event loop.
        limit_s=0.01,
    ),
    "a body in chunks": TextInput(
        read=_read_chunks,
        worst=(
            repeated("1\r\nx\r\n"),
            repeated("1 \t;a=b\r\nx\r\n"),
            repeated("1" + " " * 1000 + "\r\nx\r\n"),
            repeated("1;" + "a" * 1000 + "\r\nx\r\n"),
            repeated("a:\r\n", "0\r\n"),
            repeated("a", "0\r\n"),
        ),
        patterns=("http_server.chunks._SIZE", "http_server.chunks._TRAILER"),
        limit_s=0.02,
    ),
}
