"""Tests of the use cases: against a real PostgreSQL."""
