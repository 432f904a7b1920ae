"""Job columns: the columns of `job` that hold a booking, as fragments of statements.

A member of a booking is one column of `app/store/tables/jobs.py`. Every statement that writes jobs
takes its column list from there, so that no statement can miss a column.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.store.tables import job

_OF_THE_ROW: Final = {"id", "account_id", "version", "created_at", "updated_at"}
COLUMNS: Final[tuple[Column[Any], ...]] = tuple(c for c in job.c if c.name not in _OF_THE_ROW)


def _type(column: Column[Any]) -> str:
    return column.type.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped


def _value(column: Column[Any]) -> str:
    # Bytes are sent in binary form, because their text form is twice as long.
    return f"%({column.name}){'b' if column.name == 'data' else 's'}::{_type(column)}"


def element_type(column: Column[Any]) -> str:
    """Return the type of the elements in which statements of many jobs get the column's values."""
    # An array of arrays has to be rectangular, so arrays and documents are sent as JSON text.
    return "TEXT" if isinstance(column.type, ARRAY | JSONB) else _type(column)


def _element(column: Column[Any]) -> str:
    match column.type:
        case ARRAY():
            name = column.name
            texts = f"ARRAY(SELECT jsonb_array_elements_text({name}::jsonb))"
            return f"CASE WHEN {name} IS NOT NULL THEN {texts} END"
        case JSONB():
            return f"{column.name}::jsonb"
        case _:
            return column.name


FRAGMENTS: Final = {
    "job_columns": ", ".join(each.name for each in COLUMNS),
    "job_values": ", ".join(map(_value, COLUMNS)),
    "job_assignments": ", ".join(f"{each.name} = {_value(each)}" for each in COLUMNS),
    "job_arrays": ", ".join(f"%({each.name})b::{element_type(each)}[]" for each in COLUMNS),
    "job_elements": ", ".join(map(_element, COLUMNS)),
}
"""Fragments by name: the columns, the values of one job, their assignments, and for many jobs the
arrays of their values and the elements of these arrays."""
