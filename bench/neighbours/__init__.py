"""Neighbours: each operation of an account, done as fast as it can, beside another account."""
