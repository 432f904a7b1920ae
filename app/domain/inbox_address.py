"""Inbox address: the URLs of this service's own inboxes, which alone callbacks may reach of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.inbox import TOKEN_LENGTH
from app.domain.ports import judge_port
from app.domain.target import MAX_URL, Network, Target, split
from app.errors import InvalidMember

PATH: Final = "/in/"

# After the token a path may follow, of plain segments: no escapes, none that begin with a dot, none
# that are empty. No proxy and no server takes such a path for another one.
_TOKEN_AND_REST: Final = re.compile(
    rf"[A-Za-z0-9]{{{TOKEN_LENGTH}}}(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?(?:\?.*)?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxAddress:
    """Where the inboxes of this service are: at `origin`, below `prefix` and PATH.

    The operator configures both. No part comes from a request, whose Host anyone can choose.
    """

    origin: Target
    prefix: str = ""

    def covers(self, target: Target) -> bool:
        """Whether this is the URL of an inbox: of exactly this origin, with the path of an inbox.

        There need not be an inbox with its token.
        """
        here, start = self.origin, f"{self.prefix}{PATH}"
        return (
            (target.scheme, target.host, target.port) == (here.scheme, here.host, here.port)
            and target.path.startswith(start)
            and _TOKEN_AND_REST.fullmatch(target.path, len(start)) is not None
        )


def read_origin(url: str) -> Target:
    """Return the origin in a URL of scheme, host and port; raises InvalidMember (member `url`)."""
    target = split(url)
    if target.path != "/":
        raise InvalidMember(
            "url", "The URL has a path or a query.", remedy="Give scheme, host and port alone."
        )
    reason = judge_port(target.port)
    if reason is not None:
        raise InvalidMember("url", reason, remedy="Use another port.")
    return target


def is_inbox(url: str, inboxes: InboxAddress, deny: Sequence[Network]) -> bool:
    """Whether a booked URL is that of one of these inboxes, and the operator's `deny` allows it."""
    if len(url) > MAX_URL:
        return False
    try:
        target = split(url)
    except InvalidMember:
        return False
    address = target.address
    return inboxes.covers(target) and not any(address in each for each in deny if address)
