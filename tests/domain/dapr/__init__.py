"""Tests of the Dapr dialect."""
