"""Soak: what operators live through, played once under load, and what came of every call."""
