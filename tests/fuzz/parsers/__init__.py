"""Parsers: the table of what reads texts of clients and receivers, room by room."""

from __future__ import annotations

from typing import Final

from tests.fuzz.parser import Parser
from tests.fuzz.parsers.clients import CLIENTS
from tests.fuzz.parsers.console import CONSOLE
from tests.fuzz.parsers.dialects import DIALECTS
from tests.fuzz.parsers.documents import DOCUMENTS
from tests.fuzz.parsers.headers import HEADERS
from tests.fuzz.parsers.receivers import RECEIVERS
from tests.fuzz.parsers.texts import TEXTS

PARSERS: Final[dict[str, Parser]] = {
    **TEXTS,
    **DOCUMENTS,
    **DIALECTS,
    **HEADERS,
    **CONSOLE,
    **RECEIVERS,
    **CLIENTS,
}
"""All that need no server; those that do are in `requests` and `answers`."""
