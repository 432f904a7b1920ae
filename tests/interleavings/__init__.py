"""Interleavings: pairs of operations, one stopped before each of its statements for the other."""
