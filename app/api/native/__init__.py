"""Wakecall's own API, version 1: JSON, XML and text over one value."""
