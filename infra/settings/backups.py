"""The `backups` block."""

from typing import Annotated

from pydantic import Field

from infra.settings.cron import CronSchedule
from infra.settings.model import Settings, unit
from infra.settings.storage import ObjectUrl


class BackupSettings(Settings):
    """Backups of MLflow's database and files and of the training's models, on every cluster of the stack."""

    schedule: CronSchedule = "30 1 * * *"
    """When a backup begins, in cron's five fields and UTC."""
    keep_days: Annotated[int, Field(ge=1, le=3650), unit("days")] = 35
    """Backups of so many days before the last one are kept; the last one always is."""
    url: ObjectUrl | None = None
    """An object store that is there already; absent means one in the cluster's cloud, which the stack makes."""
    lock_days: Annotated[int, Field(ge=1, le=3650), unit("days")] | None = None
    """Days in which what is written to the stack's own store can be neither changed nor deleted for good."""
    deleted_days: Annotated[int, Field(ge=1, le=365), unit("days")] = 14
    """Days in which what was deleted from the stack's own store can be taken back."""
    delete_data: bool = True
    """Whether `destroy` deletes the stack's own store with all backups; false refuses."""
