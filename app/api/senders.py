"""Senders: whose request it is, as far as that is known before the application judges the key.

The event loop must decide by account which request runs next and who may send a long body. It
remembers for that which keys were valid when the application last judged them. The application
judges every request itself, so what is remembered gives no access to anything.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from app.api import auth, dialects
from app.domain import key as keys

SENDER: Final = "wakecall.sender"
"""Where the application finds the Sender of a request, in the environment."""

MAX_REMEMBERED: Final = 4096
_AUTHORIZATION: Final = "HTTP_AUTHORIZATION"
_KEY_HEADERS: Final = ("X-API-Key",)
"""The headers that a key may be sent in by itself, besides those of the dialects."""
_IPV6_PREFIX: Final = 64


@dataclass(kw_only=True, slots=True)
class Sender:
    """Who sends a request: the application writes down the account once it has judged the key.

    `keys` are the digests of what was sent as keys and may be keys. `network` is where the request
    comes from. `max_concurrent` is how many requests of the account are answered at once.
    """

    keys: tuple[bytes, ...]
    network: str
    account: int | None = None
    max_concurrent: int | None = None

    @property
    def lane(self) -> Hashable:
        """What the request shares its slots with: all senders without a valid key are one lane."""
        return self.account

    @property
    def member(self) -> Hashable:
        """Who takes turns within the lane."""
        return self.network if self.account is None else None


def note(environ: Mapping[str, Any], account: int, max_concurrent: int | None) -> None:
    """Note the account of a request for the ASGI application; None means no maximum."""
    sender: Sender | None = environ.get(SENDER)
    if sender is not None:
        sender.account = account
        sender.max_concurrent = sys.maxsize if max_concurrent is None else max_concurrent


def has_credentials(environ: Mapping[str, Any]) -> bool:
    """Whether the request brings what may be a key, wherever one may be sent."""
    return _AUTHORIZATION in environ or bool(_bare_keys(environ))


def network_of(address: str) -> str:
    """The network that one client can take addresses from: of IPv6 the first 64 bits."""
    if ":" not in address:
        return address
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        number = int(found) >> (128 - _IPV6_PREFIX)
        return f"{IPv6Address(number << (128 - _IPV6_PREFIX))}/{_IPV6_PREFIX}"
    return address


class Senders:
    """Remembers which account a key spoke for when it was last judged."""

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[bytes, tuple[int, int | None]] = OrderedDict()

    def identify(self, environ: Mapping[str, Any]) -> Sender:
        """Who sends this request, as far as is known."""
        sent = _keys_in(environ)
        found = next((self._known[each] for each in sent if each in self._known), (None, None))
        return Sender(
            keys=sent,
            network=network_of(environ["REMOTE_ADDR"]),
            account=found[0],
            max_concurrent=found[1],
        )

    def remember(self, sender: Sender, status: int) -> None:
        """Remember what the application found out about the sender, or forget it.

        Of several keys the answer does not tell which one was judged: nothing is learnt then.
        """
        if len(sender.keys) != 1:
            return
        (key,) = sender.keys
        if status == HTTPStatus.UNAUTHORIZED:
            self._known.pop(key, None)
        elif sender.account is not None:
            self._known[key] = sender.account, sender.max_concurrent
            if len(self._known) > self._most:
                self._known.popitem(last=False)


def _keys_in(environ: Mapping[str, Any]) -> tuple[bytes, ...]:
    """The digests of the well-formed keys in a request, wherever one may be sent."""
    texts = _bare_keys(environ)
    scheme, _, credentials = environ.get(_AUTHORIZATION, "").strip(" \t").partition(" ")
    credentials = credentials.strip(" ")
    if scheme.lower() == "bearer":
        texts.append(credentials)
    elif scheme.lower() == "basic" and len(credentials) <= auth.MAX_CREDENTIALS:
        texts += auth.basic_pair(credentials) or ()
    read = (keys.read(text.strip(" \t")) for text in texts)
    return tuple(each.digest for each in read if each is not None)


def _bare_keys(environ: Mapping[str, Any]) -> list[str]:
    return dialects.in_environ(environ, (*dialects.key_headers(), *_KEY_HEADERS))
