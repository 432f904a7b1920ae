"""New keys: shows the text of a key that was just created, in the browser that created it."""

from __future__ import annotations

from flask import Response

from app.console import shown_once
from app.domain import key as keys


def keep(response: Response, text: str, *, account_id: int) -> Response:
    """Let the account's pages in this browser show a key for a quarter of an hour."""
    return shown_once.keep(response, shown_once.KEY, text, account_id=account_id)


def read(account_id: int, key_id: str | None = None) -> str | None:
    """Return the account's key that was just created; None if it is another one than this."""
    text = shown_once.read(shown_once.KEY, account_id=account_id)
    known = None if text is None else keys.read(text)
    if known is None or (key_id is not None and known.id != key_id):
        return None
    return text


def forget(response: Response) -> Response:
    """Stop showing the key: its owner has stored it."""
    return shown_once.forget(response, shown_once.KEY)
