"""Hostile: what an account, or a stranger without a key, does as fast as it can."""
