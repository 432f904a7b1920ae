"""URL rules: which URLs the jobs of this service may call, by what its operator has set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from app.domain.inbox_address import InboxAddress, is_inbox
from app.domain.target import Network, judge_url

MAX_KNOWN: Final = 1024
"""URLs that are remembered, of at most 2,048 characters each."""


class UrlRules:
    """Judges URLs, and remembers those that may be booked: most jobs call the same few.

    To judge one again would take 4 µs of the web's event loop, and more of one with a name as its
    host. What is judged never changes: no name is resolved.
    """

    def __init__(
        self,
        *,
        allow: Sequence[Network] = (),
        deny: Sequence[Network] = (),
        inboxes: InboxAddress | None = None,
    ) -> None:
        self._allow = tuple(allow)
        self._deny = tuple(deny)
        self._inboxes = inboxes
        # A refusal is raised, and so is not kept.
        self._known = lru_cache(maxsize=MAX_KNOWN)(self._judge)

    def judge(self, member: str, url: str) -> None:
        """Check that a URL may be booked; raises InvalidMember for `member`.

        It may be that of one of this service's own inboxes, wherever they are, unless they are at
        an address in `deny`.
        """
        self._known(member, url)

    def _judge(self, member: str, url: str) -> None:
        inboxes = self._inboxes
        if inboxes is None or not is_inbox(url, inboxes, self._deny):
            judge_url(url, allow=self._allow, deny=self._deny, member=member)
