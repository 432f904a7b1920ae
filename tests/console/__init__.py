"""The console through the Flask client: pages are read as HTML, without a browser."""
