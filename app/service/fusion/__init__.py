"""Fusion: the use cases of Fusion jobs, which are identified by resources."""
