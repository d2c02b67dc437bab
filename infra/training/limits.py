"""How much the namespaces of the training and of MLflow may hold."""

from infra.namespaces.limits import Limits, in_bytes
from infra.settings.mlflow import MlflowSettings
from infra.settings.training import TrainingSettings
from infra.training.postgres import MEMORY as POSTGRES_MEMORY

RUNS = 4
"""Pods of the training at once: runs that were started by hand, one beside the other, and one that is ending."""


def training_limits(settings: TrainingSettings) -> Limits:
    """Room for a few runs, and for the claims of the models and of the data."""
    resources = settings.resources
    return Limits(pods=RUNS, cpu=resources.cpu, memory=resources.memory, gpus=settings.gpus, volume_claims=2)


def mlflow_limits(settings: MlflowSettings) -> Limits:
    """Room for the server and its database, each with one that is ending, and for their volumes."""
    memory = max(settings.resources.memory, POSTGRES_MEMORY, key=in_bytes)
    return Limits(pods=4, cpu=settings.resources.cpu, memory=memory, volume_claims=2)
