"""Senders: which account sends a request, as far as is known before its credentials are checked.

The event loop decides by account which request runs next and which may have a long body. For
these decisions it remembers which keys and which sessions of the console were valid when the
application last checked them. The application checks every request itself, so what is remembered
gives no access.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from app.api import auth, dialects
from app.api.head_notes import noted
from app.domain import key as keys
from app.domain import token as tokens
from app.domain.key import KeyText

SENDER: Final = "wakecall.sender"
"""The name of a request's Sender in the WSGI environment."""

KEYS: Final = "keys"
"""The name in the notes of `key` and `keys` of the Sender of a request."""

MAX_REMEMBERED: Final = 4096
CONSOLE: Final = "/console"
"""The path of the pages, which know a request by its session, as all others know it by its key."""
SESSION_COOKIE: Final = "wakecall"
HOST_PREFIX: Final = "__Host-"
"""What the name of the cookie begins with as well, where the service is reached over TLS."""
_SESSION_COOKIES: Final = (SESSION_COOKIE, HOST_PREFIX + SESSION_COOKIE)
_AUTHORIZATION: Final = "HTTP_AUTHORIZATION"
_KEY_HEADERS: Final = ("X-API-Key",)
"""Headers that contain only a key, besides those of the dialects."""
_IPV6_PREFIX: Final = 64
# As a number: to read a member of HTTPStatus calls a function, for each request.
_UNAUTHORIZED: Final = int(HTTPStatus.UNAUTHORIZED)


@dataclass(kw_only=True, slots=True)
class Sender:
    """The sender of a request."""

    keys: tuple[bytes, ...]
    """The digests of the well-formed keys in the request, or of its session's token."""
    network: str
    """The network that the request comes from."""
    key: KeyText | None = None
    """The key of a request that has exactly one well-formed key, sent without a user name."""
    account: int | None = None
    """The id of the account, which the application sets after it has checked the key."""
    max_concurrent: int | None = None
    """How many requests of the account are processed at once; None if that is not known."""

    @property
    def lane(self) -> Hashable:
        """The lane of the fair gate: the account, or one lane for all without a valid key."""
        return self.account

    @property
    def member(self) -> Hashable:
        """The member of the lane, which takes turns with the other members."""
        return self.network if self.account is None else None

    @property
    def owner(self) -> int | str:
        """For whom counts what the sender holds: the account, or the network without a valid key.

        Strangers of one network must not use up what those of others may hold, nor what an account
        may hold whose key is not known yet.
        """
        return self.network if self.account is None else self.account


def note(environ: Mapping[str, Any], account: int, max_concurrent: int | None) -> None:
    """Note the account of a request for the ASGI application; None means no maximum."""
    sender: Sender | None = environ.get(SENDER)
    if sender is not None:
        sender.account = account
        sender.max_concurrent = at_once(max_concurrent)


def at_once(max_concurrent: int | None) -> int:
    """How many requests of an account are processed at once; None means no maximum."""
    return sys.maxsize if max_concurrent is None else max_concurrent


def disown(environ: Mapping[str, Any]) -> None:
    """Note that a request is of no account, whatever was remembered of its session."""
    sender: Sender | None = environ.get(SENDER)
    if sender is not None:
        sender.account = None


def has_credentials(environ: Mapping[str, Any]) -> bool:
    """Whether the request has a header in which a key may be sent."""
    return _AUTHORIZATION in environ or bool(_bare_keys(environ))


def network_of(address: str) -> str:
    """Return the network whose addresses one client can use: for IPv6, the first 64 bits."""
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
    """Remembers the account of each key, from when the key was last checked."""

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[bytes, tuple[int, int | None]] = OrderedDict()

    def identify(self, environ: Mapping[str, Any]) -> Sender:
        """Return the sender of this request, with its account if a key is remembered."""
        key, sent = noted(environ, KEYS, _keys_in)
        sender = Sender(keys=sent, network=network_of(environ["REMOTE_ADDR"]), key=key)
        known = self._find(sent)
        if known is not None:
            sender.account, sender.max_concurrent = known
        return sender

    def account_of(self, sent: tuple[bytes, ...]) -> int | None:
        """The id of the account of the sender of these keys; None if no key is remembered."""
        known = self._find(sent)
        return None if known is None else known[0]

    def _find(self, sent: tuple[bytes, ...]) -> tuple[int, int | None] | None:
        for each in sent:
            known = self._known.get(each)
            if known is not None:
                return known
        return None

    def remember(self, sender: Sender, status: int) -> None:
        """Remember the account of the sender's key, or forget a key that was refused.

        If several keys were sent, the response does not show which of them was checked, so
        nothing is changed.
        """
        if len(sender.keys) != 1:
            return
        if status == _UNAUTHORIZED or sender.account is None:
            self._known.pop(sender.keys[0], None)
        else:
            self.confirm(sender.keys, sender.account, sender.max_concurrent)

    def confirm(self, sent: tuple[bytes, ...], account: int, max_concurrent: int | None) -> None:
        """Remember the account of the only key of a request, which was valid."""
        if len(sent) == 1:
            self._known[sent[0]] = account, max_concurrent
            if len(self._known) > self._most:
                self._known.popitem(last=False)


def _keys_in(environ: Mapping[str, Any]) -> tuple[KeyText | None, tuple[bytes, ...]]:
    """Return `key` and `keys` of the Sender of a request, which follow from its head."""
    bare, others = _found_in(environ)
    sent = (*(each.digest for each in bare), *others)
    return bare[0] if len(sent) == 1 and bare else None, sent


def _found_in(environ: Mapping[str, Any]) -> tuple[list[KeyText], list[bytes]]:
    """Return the well-formed keys in all headers in which keys may be sent.

    Those that were sent by HTTP Basic are returned as digests, after the others. For a page of the
    console, return the digests of the tokens of sessions instead.
    """
    path = environ.get("PATH_INFO", "")
    if path == CONSOLE or path.startswith(f"{CONSOLE}/"):
        return [], _sessions_in(environ)
    texts = [each for each in _bare_keys(environ) if len(each) <= auth.MAX_CREDENTIALS]
    authorization: str = environ.get(_AUTHORIZATION, "")
    if len(authorization) > auth.MAX_CREDENTIALS:
        authorization = ""
    scheme, _, credentials = authorization.strip(" \t").partition(" ")
    credentials = credentials.strip(" ")
    pair: tuple[str, ...] = ()
    if scheme.lower() == "bearer":
        texts.append(credentials)
    elif scheme.lower() == "basic":
        pair = auth.basic_pair(credentials) or ()
    return _read(texts), [each.digest for each in _read(pair)]


def _read(texts: Iterable[str]) -> list[KeyText]:
    read = (keys.read(text.strip(" \t")) for text in texts)
    return [each for each in read if each is not None]


def _sessions_in(environ: Mapping[str, Any]) -> list[bytes]:
    pairs = (each.strip(" \t").partition("=") for each in environ.get("HTTP_COOKIE", "").split(";"))
    read = (tokens.read(value) for name, _, value in pairs if name in _SESSION_COOKIES)
    return list({each for each in read if each is not None})


def _bare_keys(environ: Mapping[str, Any]) -> list[str]:
    return dialects.in_environ(environ, (*dialects.key_headers(), *_KEY_HEADERS))
