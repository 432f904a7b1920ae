"""Blueprint: the one to which all modules of this package add their routes."""

from __future__ import annotations

from typing import Final

from flask import Blueprint

native: Final = Blueprint("native", __name__, url_prefix="/1")
