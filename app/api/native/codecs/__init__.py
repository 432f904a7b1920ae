"""Codecs of the native API: documents in JSON, XML and text, read and written by their schema."""
