"""Tests of wakecall.toml: validate, plan, apply, pull, and the import of crontabs."""
