"""How much the namespaces of the training and of MLflow may hold."""

from infra.backups.kept import BACKUP_MEMORY, BACKUP_PODS
from infra.namespaces.limits import Limits, in_bytes
from infra.settings.mlflow import MlflowSettings
from infra.settings.training import TrainingSettings
from infra.training.postgres import MEMORY as POSTGRES_MEMORY

RUNS = 4
"""Pods of the training at once: runs that were started by hand, one beside the other, and one that is ending."""


def training_limits(settings: TrainingSettings, *, backups: bool = False) -> Limits:
    """Room for a few runs, and for the claims of the models and of the data."""
    resources = settings.resources
    memory = largest(resources.memory, *([BACKUP_MEMORY] if backups else []))
    pods = RUNS + BACKUP_PODS * backups
    return Limits(pods=pods, cpu=resources.cpu, memory=memory, gpus=settings.gpus, volume_claims=2)


def mlflow_limits(settings: MlflowSettings, *, backups: bool = False) -> Limits:
    """Room for the server and its database, each with one that is ending, and for their volumes."""
    memory = largest(settings.resources.memory, POSTGRES_MEMORY, *([BACKUP_MEMORY] if backups else []))
    return Limits(pods=4 + BACKUP_PODS * backups, cpu=settings.resources.cpu, memory=memory, volume_claims=2)


def largest(*memories: str) -> str:
    """The largest of some `ByteQuantity`."""
    return max(memories, key=in_bytes)
