"""Tests of the Fusion dialect over HTTP."""
