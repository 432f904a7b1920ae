"""Chaos: the real processes under load, one fault after the other, and a check of every call."""
