"""Phases: each measures one thing on a clean instance and returns its findings."""
