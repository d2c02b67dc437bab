"""The `training` block."""

from typing import Annotated

from pydantic import Field

from infra.settings.cron import CronSchedule
from infra.settings.image import ImageByDigest
from infra.settings.model import ByteQuantity, CpuQuantity, DnsLabel, Settings, unit
from infra.settings.storage import NfsSettings, ObjectUrl, OneOf


class ModelVolumeSettings(OneOf):
    """The volume that holds the model repository; exactly one of its keys."""

    size: ByteQuantity | None = None
    """Size of a volume that the stack makes, on the cluster's shared StorageClass where it has one."""
    claim: DnsLabel | None = None
    """A PersistentVolumeClaim that is already in the namespace `training`."""
    nfs: NfsSettings | None = None
    """A directory of an NFS server; model servers that mount the same one see each version as it is written."""


class DataSettings(OneOf):
    """What the training reads; exactly one of its keys. `TRAINING_DATA` tells the container the folder or the URL."""

    url: ObjectUrl | None = None
    """Where an object store has it: `s3://bucket/prefix` or `https://account.blob.core.windows.net/container/prefix`."""
    claim: DnsLabel | None = None
    """A PersistentVolumeClaim that is already in the namespace `training`."""
    nfs: NfsSettings | None = None
    """A directory of an NFS server."""


class TrainingResources(Settings):
    """What one run may use."""

    cpu: CpuQuantity = "2"
    """CPU requested: cores in quotes, `"2"`, or millicores, `500m`. There is no limit."""
    memory: ByteQuantity = "8Gi"
    """Memory requested and at most used."""


class TrainingSettings(Settings):
    """A Job that trains the model on every cluster of the stack; it starts by hand, or by `schedule`."""

    image: ImageByDigest | None = None
    """Image with `python -m inference_app.training`, by digest; absent means that `up` builds and pushes it."""
    gpus: Annotated[int, Field(ge=0, le=8), unit("GPUs")] = 1
    """GPUs (or slices, where GPUs are shared) of one run; with 0 it trains on CPU."""
    name: DnsLabel | None = None
    """The trained model's name in its repository; absent means the last part of where the data is, or `digits`."""
    resources: TrainingResources = TrainingResources()
    """Requests and limits of one run."""
    model: ModelVolumeSettings = ModelVolumeSettings(size="10Gi")
    """Where the trained versions are written."""
    data: DataSettings | None = None
    """The images that it learns from, as `data` takes them; absent means the shipped model's."""
    schedule: CronSchedule | None = None
    """When a run starts by itself, in cron's five fields and UTC: `"0 3 * * 1"`. Absent: only by hand."""
    retries: Annotated[int, Field(ge=0, le=10), unit("runs")] = 2
    """Further runs after one that failed. A node that is taken back, and wrong usage (exit status 2), do not count."""
    deadline_seconds: Annotated[int, Field(ge=60, le=7 * 86400), unit("seconds")] = 6 * 3600
    """Most time for all runs of a Job, the wait for a GPU node included."""
    keep_seconds: Annotated[int, Field(ge=0, le=30 * 86400), unit("seconds")] = 86400
    """How long a finished Job and its logs stay."""
    delete_data: bool = True
    """Whether `destroy` deletes the volume of `model.size` with the models on it; false refuses."""
