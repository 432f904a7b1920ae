"""Jobs of the Dapr dialect: what a seed draws of them, what their clients know, and the model."""
