"""Tests of the Quartz dialect."""
