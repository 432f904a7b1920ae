"""Forwarded: the address of a client that the operator's own proxies name."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from app.api.wsgi_bridge import Message

Network = IPv4Network | IPv6Network

_HEADER: Final = b"x-forwarded-for"
_MAX_PROXIES: Final = 8
"""Addresses that are read, from the last one on."""


def client_of(scope: Message, proxies: Sequence[Network]) -> tuple[str, int]:
    """Return the address and the port of the client of a request.

    Where the connection comes from one of `proxies`, it is the last address in X-Forwarded-For that
    is not one of them. Any client can send what stands before it.
    """
    found, port = scope["client"]
    told = (value for name, value in scope["headers"] if name == _HEADER)
    named = b",".join(told).decode("latin-1").split(",")[-_MAX_PROXIES:]
    while named and _is_within(found, proxies):
        next_one = named.pop().strip()
        if _read(next_one) is None:
            break
        found = next_one
    return found, port


def _is_within(text: str, networks: Sequence[Network]) -> bool:
    address = _read(text)
    return address is not None and any(address in each for each in networks)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is, an IPv4 address where IPv6 maps one; None for others."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
