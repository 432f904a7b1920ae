"""The pages of the console: one module each, with the routes of its page."""
