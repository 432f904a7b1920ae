"""Frames of HTTP/2 (RFC 9113, 4) and fields of HPACK (RFC 7541), as hostile apps send them."""

from __future__ import annotations


def h2_frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of this type, with these flags, on this stream."""
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A field that is not indexed; name and value have less than 127 bytes each."""
    return b"\x00" + bytes((len(name),)) + name + bytes((len(value),)) + value


SETTINGS = h2_frame(4, 0, 0)
"""What a server sends first: no settings of its own."""

OK_HEADERS = h2_frame(1, 4, 1, b"\x88" + literal(b"content-type", b"application/grpc"))
"""The beginning of an answer of gRPC: status 200, and no end of the stream."""
