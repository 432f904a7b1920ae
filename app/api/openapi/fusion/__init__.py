"""The description of the Fusion Jobs API: its schemas and its operations."""
