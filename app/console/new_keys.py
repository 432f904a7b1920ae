"""New keys: shows the text of a key that was just created, in the browser that created it."""

from __future__ import annotations

from flask import Response

from app.console import shown_once
from app.domain import key as keys


def keep(response: Response, text: str) -> Response:
    """Let the pages of this browser show a key for a quarter of an hour."""
    return shown_once.keep(response, shown_once.KEY, text)


def read(key_id: str | None = None) -> str | None:
    """Return the text of the key that was just created; None if it is another one than this."""
    text = shown_once.read(shown_once.KEY)
    known = None if text is None else keys.read(text)
    if known is None or (key_id is not None and known.id != key_id):
        return None
    return text


def forget(response: Response) -> Response:
    """Stop showing the key: its owner has stored it."""
    return shown_once.forget(response, shown_once.KEY)
