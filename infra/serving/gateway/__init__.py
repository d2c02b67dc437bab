"""What is in front of the servers: one URL, its certificate, and what it demands of requests."""
