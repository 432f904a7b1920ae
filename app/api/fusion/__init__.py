"""The Fusion dialect: requests and answers as clients of the Fusion Jobs API know them."""
