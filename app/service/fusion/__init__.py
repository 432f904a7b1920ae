"""Fusion: what an account may do with jobs that are known by resources, in Fusion's terms."""
