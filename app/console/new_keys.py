"""New keys: shows the text of a key that was just created, in the browser that created it.

The text is in a cookie of that browser, encrypted, and nowhere on the server. So the page that
shows it can be read again for a while, as a page that is kept up to date is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from flask import Response

from app.api.context import current_context
from app.console import cookies
from app.domain import key as keys
from app.errors import Misconfigured

COOKIE: Final = "wakecall-new-key"
SHOWN_FOR_S: Final = 15 * 60


def keep(response: Response, text: str) -> Response:
    """Let the pages of this browser show a key for a quarter of an hour."""
    sealed = current_context().secret_box.seal(text).decode("ascii")
    cookies.write(response, COOKIE, sealed, max_age=SHOWN_FOR_S)
    return response


def read(key_id: str | None = None) -> str | None:
    """Return the text of the key that was just created; None if it is not this one, or too old."""
    sealed = cookies.read(COOKIE)
    text = None
    if sealed is not None and sealed.isascii():
        with suppress(Misconfigured):
            text = current_context().secret_box.open(sealed.encode("ascii"), max_age_s=SHOWN_FOR_S)
    known = None if text is None else keys.read(text)
    if known is None or (key_id is not None and known.id != key_id):
        return None
    return text


def forget(response: Response) -> Response:
    """Show the key no more: its owner has stored it."""
    cookies.remove(response, COOKIE)
    return response
