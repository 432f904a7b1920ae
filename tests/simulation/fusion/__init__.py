"""Jobs of the Fusion dialect: what a seed draws of them, what their clients know, and the model."""
