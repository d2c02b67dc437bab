"""Brings models from an object store or from MLflow into a model repository on disk: whole ones or none."""
