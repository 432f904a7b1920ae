"""Migrating: gives the web application the commands of Flask-Migrate (`flask db`)."""

from __future__ import annotations

from flask import Flask
from flask_migrate import Migrate

from app.store.engine import db


def install(app: Flask) -> None:
    """Let `flask db` migrate the tables of this application, and compare types of columns."""
    Migrate(app, db, compare_type=True)
