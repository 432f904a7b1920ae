"""Curl: the curl command of an API request, as pages show it beside the same action."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any


def command(base: str, method: str, path: str, body: Mapping[str, Any] | str | None = None) -> str:
    """Return the curl command of a request; the key is read from the variable WAKECALL_KEY.

    `base` is the URL of the service without a slash at the end. A `body` is sent as JSON; a text is
    sent as it is.
    """
    parts = ["curl"]
    if method != "GET":
        parts.append(f"-X {method}")
    lines = [f"{' '.join(parts)} {shlex.quote(base + path)}"]
    lines.append('-H "Authorization: Bearer $WAKECALL_KEY"')
    if body is not None:
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)
        lines += ["-H 'Content-Type: application/json'", f"--data-raw {shlex.quote(text)}"]
    return " \\\n  ".join(lines)
