"""The server in front of a model that runs elsewhere: a KServe transformer."""
