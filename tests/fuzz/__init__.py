"""Fuzzing: drawn and changed texts for everything that reads what a client or a receiver sends."""
