"""Measures a model's best settings on this machine, with the sessions and queues that serve it."""
