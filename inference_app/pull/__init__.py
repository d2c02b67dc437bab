"""Brings models from an object store into a model repository on disk, before a server starts: whole ones or none."""
