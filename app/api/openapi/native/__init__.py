"""The description of the native API: its schemas, its operations and what it calls."""
