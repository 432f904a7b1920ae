"""Soak: situations of operation, played under load, and a check of the result of every call."""
