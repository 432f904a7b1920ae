"""Guard: decides which addresses outgoing connections may reach, before each one is opened."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, ip_address
from typing import Final

from app.delivery.loop import Loop
from app.delivery.resolver import Lookup, Resolution
from app.domain.target import (
    LOOPBACK,
    Address,
    Network,
    Target,
    is_localhost,
    judge_address,
    judge_host,
    translated,
)

_LIFETIME: Final = 60.0
_KEPT: Final = 10_000
_TRIED: Final = 4
_DISCARD_PORT: Final = 9
# Addresses of a name that are checked; its own name server decides how many it returns.
_MAX_ADDRESSES: Final = 64
_INNER: Final = "{} leads to an address that callbacks may not reach."


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """A checked address, and the CURLOPT_CONNECT_TO value by which libcurl connects only to it."""

    address: str
    connect_to: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """The decision on a host: the addresses at which it may be called, in the order to try them.

    If there are none, `error` is an error code of `Reply` and `detail` the reason. `log_detail` is
    the reason with the address of the name, which must appear in logs only.
    """

    expires: float
    pins: tuple[Pin, ...] = ()
    error: str | None = None
    detail: str | None = None
    log_detail: str | None = None


Admitted = Callable[[Admission], object]


def is_own(address: Address) -> bool:
    """Whether the address belongs to this machine: the system would use it as source address.

    Connects a datagram socket, which consults the routing table and sends nothing.
    """
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), _DISCARD_PORT))
            return bool(ip_address(probe.getsockname()[0]) == address)
    except OSError:
        return False


class Guard:
    """Checks hosts before they are called, and each address again when its socket is opened.

    Names are resolved by `lookup`; a name is denied if any of its addresses is. `deny` takes
    precedence over everything; `allow` takes precedence over the list of private networks and over
    `owned`, which returns whether an address is the machine's own. Decisions are cached for the
    lifetime of the resolution that they are based on.
    """

    def __init__(
        self,
        loop: Loop,
        lookup: Lookup,
        *,
        allow: tuple[Network, ...] = (),
        deny: tuple[Network, ...] = (),
        owned: Callable[[Address], bool] = is_own,
    ) -> None:
        self._loop = loop
        self._lookup = lookup
        self._allow = allow
        self._deny = deny
        self._owned = owned
        self._known: dict[str, Admission] = {}
        self._waiting: dict[str, list[Admitted]] = {}
        self._denial = lru_cache(maxsize=_KEPT)(self._judge)

    def known(self, host: str) -> Admission | None:
        """Return the cached decision on this host, if it has not expired."""
        admission = self._known.get(host)
        if admission is not None and self._loop.clock() < admission.expires:
            return admission
        return None

    def ask(self, target: Target, admitted: Admitted) -> None:
        """Check the host of `target`; `admitted` is called once, later, with the decision."""
        host = target.host
        waiting = self._waiting.get(host)
        if waiting is not None:
            waiting.append(admitted)
            return
        self._waiting[host] = [admitted]
        reason = judge_host(target, allow=self._allow, deny=self._deny)
        if reason is not None:
            self._settle(host, self._refused("denied-address", reason, _LIFETIME))
        elif target.address is not None:
            self._settle(host, self._decide(host, (str(target.address),), _LIFETIME))
        elif is_localhost(host):
            here = [text for text in map(str, LOOPBACK) if self.denial(text) is None]
            self._settle(host, self._decide(host, tuple(here), _LIFETIME))
        else:
            self._lookup.resolve(host, lambda found: self._on_resolution(host, found))

    def denial(self, address: str) -> str | None:
        """Return why no socket may be opened to this address, or None if it may."""
        return self._denial(address)

    def close(self) -> None:
        """End all lookups; no callback is called after this."""
        self._waiting.clear()
        self._lookup.close()

    def _on_resolution(self, host: str, found: Resolution) -> None:
        if found.error is not None:
            self._settle(host, self._refused("dns-failure", found.error, found.lifetime))
        else:
            self._settle(host, self._decide(host, found.addresses, found.lifetime))

    def _settle(self, host: str, admission: Admission) -> None:
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[host] = admission
        for admitted in self._waiting.pop(host, ()):
            self._loop.call_soon(admitted, admission)

    def _decide(self, host: str, addresses: tuple[str, ...], lifetime: float) -> Admission:
        for text in addresses[:_MAX_ADDRESSES]:
            reason = self._denial(text) or self._own(text)
            if reason is not None:
                detail = _INNER.format(host)
                return self._refused("denied-address", detail, lifetime, log_detail=reason)
        pins = tuple(map(_pin, addresses[:_TRIED]))
        return Admission(expires=self._loop.clock() + lifetime, pins=pins)

    def _refused(
        self, error: str, detail: str, lifetime: float, *, log_detail: str | None = None
    ) -> Admission:
        expires = self._loop.clock() + lifetime
        return Admission(expires=expires, error=error, detail=detail, log_detail=log_detail)

    def _judge(self, text: str) -> str | None:
        return judge_address(ip_address(text), allow=self._allow, deny=self._deny)

    def _own(self, text: str) -> str | None:
        address = translated(ip_address(text))
        if any(address in network for network in self._allow) or not self._owned(address):
            return None
        return f"{address} is this machine's own address, which callbacks may not reach."


def _pin(address: str) -> Pin:
    text = str(ip_address(address))
    host = f"[{text}]" if ":" in text else text
    return Pin(address=text, connect_to=(f"::{host}:",))
