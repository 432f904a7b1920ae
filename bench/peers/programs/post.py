"""Post: the handler of every Python peer, as anybody would write it."""

from __future__ import annotations

from typing import Final

import requests

TIMEOUT_S: Final = 15


def post(url: str, headers: dict[str, str], body: str) -> None:
    """Make one call. Raises requests.RequestException."""
    answer = requests.post(url, data=body.encode(), headers=headers, timeout=TIMEOUT_S)
    answer.raise_for_status()
