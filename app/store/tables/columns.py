"""Columns: the types and defaults that columns of several tables share."""

from __future__ import annotations

from typing import Final

from sqlalchemy import DateTime, text

from app.store.engine import db

METADATA: Final = db.metadata
INSTANT: Final = DateTime(timezone=True)
NOW: Final = text("clock_timestamp()")
NO: Final = text("false")
NATIVE: Final = "native"
