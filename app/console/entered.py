"""Entered: what a form had whose request was not accepted, to be shown to who sent it once more.

It is shown in the answer to the same request alone, and is stored nowhere: another person who signs
in at the browser does not get it. What may be a secret is left out, as passwords and headers are.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from flask import current_app, request
from werkzeug.exceptions import HTTPException

from app.api.browsers import SAFE_METHODS

_LABELS: Final = {
    "url": "URL",
    "name": "Name",
    "label": "Label",
    "when": "Time",
    "cron": "Cron expression",
    "timezone": "Time zone",
    "data": "Payload",
    "contentType": "Content type",
    "tags": "Tags",
    "timeout": "Timeout",
    "onSuccess": "URL to notify of success",
    "onFailure": "URL to notify of failure",
}
"""The fields that are shown, by their names, with what the form calls them."""


class Text(NamedTuple):
    """What a person entered in a field."""

    label: str
    text: str


def texts() -> list[Text]:
    """Return what the form of this request had, without what may be a secret."""
    if request.method in SAFE_METHODS:
        return []
    found = ((label, request.form.get(name, "")) for name, label in _LABELS.items())
    return [Text(label, text) for label, text in found if text.strip()]


def page_of_form() -> str:
    """Return the path of the page with the form of this request; empty if it has none there."""
    try:
        current_app.url_map.bind("").match(request.path, method="GET")
    except HTTPException:
        return ""
    return request.path
