"""Tests of the one-machine run."""
