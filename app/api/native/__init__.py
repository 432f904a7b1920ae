"""Wakecall's own API, version 1, in JSON, XML and text."""
