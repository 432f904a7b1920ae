"""Guard: decides which addresses outgoing connections may reach, before each one is opened."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Final

from app.delivery.loop import Loop
from app.delivery.resolver import Lookup, Resolution
from app.domain.inbox_address import InboxAddress
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
_EVERYWHERE: Final[tuple[Network, ...]] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
_INNER: Final = "{} leads to an address that callbacks may not reach."


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """A checked address, and the CURLOPT_CONNECT_TO value by which libcurl connects only to it."""

    address: str
    connect_to: tuple[str, ...]
    is_inbox: bool = False
    """Whether it is an address of this service's own inboxes, which no list of networks denies but
    the operator's `deny`."""


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

_Place = tuple[str, bool]
"""A host, and whether it is called as that of this service's own inboxes."""


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
    `owned`, which returns whether an address is the machine's own. A call of one of this service's
    `inboxes` is allowed whatever address their host has, unless `deny` has it. Decisions are cached
    for the lifetime of the resolution that they are based on.
    """

    def __init__(
        self,
        loop: Loop,
        lookup: Lookup,
        *,
        allow: tuple[Network, ...] = (),
        deny: tuple[Network, ...] = (),
        owned: Callable[[Address], bool] = is_own,
        inboxes: InboxAddress | None = None,
    ) -> None:
        self._loop = loop
        self._lookup = lookup
        self._allow = allow
        self._deny = deny
        self._owned = owned
        self._inboxes = inboxes
        self._known: dict[_Place, Admission] = {}
        self._waiting: dict[_Place, list[Admitted]] = {}
        self._denial = lru_cache(maxsize=_KEPT)(self._judge)

    def is_inbox(self, target: Target) -> bool:
        """Whether this is the URL of one of this service's own inboxes."""
        return self._inboxes is not None and self._inboxes.covers(target)

    def known(self, host: str, *, is_inbox: bool = False) -> Admission | None:
        """Return the cached decision on this host, or on inboxes there, if it has not expired."""
        admission = self._known.get((host, is_inbox))
        if admission is not None and self._loop.clock() < admission.expires:
            return admission
        return None

    def ask(self, target: Target, admitted: Admitted) -> None:
        """Check the host of `target`; `admitted` is called once, later, with the decision."""
        place = target.host, self.is_inbox(target)
        waiting = self._waiting.get(place)
        if waiting is not None:
            waiting.append(admitted)
            return
        self._waiting[place] = [admitted]
        if place[1]:
            self._ask_about_inbox(target, place)
            return
        reason = judge_host(target, allow=self._allow, deny=self._deny)
        if reason is not None:
            self._settle(place, self._refused("denied-address", reason, _LIFETIME))
        elif target.address is not None:
            self._settle(place, self._decide(place, (str(target.address),), _LIFETIME))
        elif is_localhost(target.host):
            here = [text for text in map(str, LOOPBACK) if self.denial(text) is None]
            self._settle(place, self._decide(place, tuple(here), _LIFETIME))
        else:
            self._look_up(place)

    def denial(self, address: str, *, is_inbox: bool = False) -> str | None:
        """Return why no socket may be opened to this address, or None if it may."""
        return self._denial(address, is_inbox)

    def close(self) -> None:
        """End all lookups; no callback is called after this."""
        self._waiting.clear()
        self._lookup.close()

    def _ask_about_inbox(self, target: Target, place: _Place) -> None:
        if target.address is not None:
            self._settle(place, self._decide(place, (str(target.address),), _LIFETIME))
        elif is_localhost(target.host):
            self._settle(place, self._decide(place, tuple(map(str, LOOPBACK)), _LIFETIME))
        else:
            self._look_up(place)

    def _look_up(self, place: _Place) -> None:
        self._lookup.resolve(place[0], lambda found: self._on_resolution(place, found))

    def _on_resolution(self, place: _Place, found: Resolution) -> None:
        if found.error is not None:
            self._settle(place, self._refused("dns-failure", found.error, found.lifetime))
        else:
            self._settle(place, self._decide(place, found.addresses, found.lifetime))

    def _settle(self, place: _Place, admission: Admission) -> None:
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[place] = admission
        for admitted in self._waiting.pop(place, ()):
            self._loop.call_soon(admitted, admission)

    def _decide(self, place: _Place, addresses: tuple[str, ...], lifetime: float) -> Admission:
        host, is_inbox = place
        for text in addresses[:_MAX_ADDRESSES]:
            reason = self._denial(text, is_inbox) or (None if is_inbox else self._own(text))
            if reason is not None:
                detail = _INNER.format(host)
                return self._refused("denied-address", detail, lifetime, log_detail=reason)
        pins = tuple(_pin(text, is_inbox=is_inbox) for text in addresses[:_TRIED])
        return Admission(expires=self._loop.clock() + lifetime, pins=pins)

    def _refused(
        self, error: str, detail: str, lifetime: float, *, log_detail: str | None = None
    ) -> Admission:
        expires = self._loop.clock() + lifetime
        return Admission(expires=expires, error=error, detail=detail, log_detail=log_detail)

    def _judge(self, text: str, is_inbox: bool) -> str | None:  # noqa: FBT001 - the cache's key
        allow = _EVERYWHERE if is_inbox else self._allow
        return judge_address(ip_address(text), allow=allow, deny=self._deny)

    def _own(self, text: str) -> str | None:
        address = translated(ip_address(text))
        if any(address in network for network in self._allow) or not self._owned(address):
            return None
        return f"{address} is this machine's own address, which callbacks may not reach."


def _pin(address: str, *, is_inbox: bool) -> Pin:
    text = str(ip_address(address))
    host = f"[{text}]" if ":" in text else text
    return Pin(address=text, connect_to=(f"::{host}:",), is_inbox=is_inbox)
