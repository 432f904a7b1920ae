"""Neighbours in one web process: whose request is answered while another's requests stand."""
