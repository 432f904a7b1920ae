"""Tests of the Fusion dialect."""
