"""Shown once: the text of a key or of a link that was just made, in the browser that made it.

The text is in a cookie of that browser, encrypted, and nowhere on the server. So the page that
shows it can be read again for a while, as a page that is kept up to date is. With it is the account
that it is of: the person may look at the pages of another one meanwhile.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from flask import Response

from app.api.context import current_context
from app.console import cookies
from app.errors import Misconfigured

KEY: Final = "wakecall-new-key"
LINK: Final = "wakecall-new-link"
SHOWN_FOR_S: Final = 15 * 60
OF_SERVICE: Final = 0
"""Stands for the account of a link that the operator made; no account has this id."""

_OF: Final = " "


def keep(response: Response, kind: str, text: str, *, account_id: int) -> Response:
    """Let the account's pages in this browser show a text of this kind for a quarter of an hour."""
    sealed = current_context().secret_box.seal(f"{account_id}{_OF}{text}").decode("ascii")
    cookies.write(response, kind, sealed, max_age=SHOWN_FOR_S)
    return response


def read(kind: str, *, account_id: int) -> str | None:
    """Return the account's text of this kind; None if none is kept any more."""
    sealed = cookies.read(kind)
    if sealed is None or not sealed.isascii():
        return None
    with suppress(Misconfigured):
        kept = current_context().secret_box.open(sealed.encode("ascii"), max_age_s=SHOWN_FOR_S)
        whose, _, text = kept.partition(_OF)
        return text if whose == str(account_id) else None
    return None


def forget(response: Response, kind: str) -> Response:
    """Stop showing the text: its owner has stored it."""
    cookies.remove(response, kind)
    return response


def forget_all(response: Response) -> None:
    """Show no text any more: whoever uses this browser next may be another person."""
    for kind in (KEY, LINK):
        cookies.remove(response, kind)
