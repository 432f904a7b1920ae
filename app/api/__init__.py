"""HTTP: who is calling, in which format, and how failures are told."""
