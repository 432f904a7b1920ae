"""Programs: what runs in a peer's own environment, where nothing of Wakecall is installed."""
