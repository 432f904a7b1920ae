"""Blueprint: the routes of all pages, below `/console`."""

from __future__ import annotations

from typing import Final

from flask import Blueprint

from app.api import senders

PREFIX: Final = senders.CONSOLE

console: Final = Blueprint("console", __name__, url_prefix=PREFIX, template_folder="templates")
