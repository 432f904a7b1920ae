"""Delivery: one guarded outbound client, its requests and signatures."""
