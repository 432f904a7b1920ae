"""Logged path: the path of a request as log lines have it, without the token of a link or inbox."""

from __future__ import annotations

import re
from typing import Final

from flask import request

_MAX_PATH: Final = 200
_TOKEN: Final = re.compile(r"^(/console/(?:join|reset|sign-in)/|/in/)[^/]+")


def logged_path() -> str:
    """Return the path of this request for the log: who reads the log must not follow the link."""
    return without_token(request.path)


def without_token(path: str) -> str:
    """Return the beginning of a path, with an ellipsis for the token of a link or an inbox."""
    return _TOKEN.sub(r"\1…", path)[:_MAX_PATH]
