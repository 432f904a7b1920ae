"""Tests of crontab expressions."""
