"""Ports: the ports that callbacks may not reach, because another protocol uses them."""

from __future__ import annotations

from typing import Final

# The list of the Fetch standard (https://fetch.spec.whatwg.org/#port-blocking), as in browsers.
_OF_FETCH: Final = frozenset(
    {
        *(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95),
        *(101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179),
        *(389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601),
        *(636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000),
        *(6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    }
)
# Redis and memcached would execute lines of a body as commands: they ignore lines they do not know.
_OURS: Final = frozenset({6379, 11211})
DENIED_PORTS: Final = _OF_FETCH | _OURS


def judge_port(port: int) -> str | None:
    """Return why callbacks may not reach this port of any host; None if they may."""
    if port in DENIED_PORTS:
        return f"Port {port} is used by another protocol than HTTP, so callbacks may not reach it."
    return None
