"""The pods that make a backup and bring one back: what runs in them is `files/`, with restic and PostgreSQL's programs.

The store encrypts, and keeps everybody else away. A password of restic's own would be one more secret without which no
backup can be read, so there is none
(https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html#using-an-empty-password).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pulumi
from pulumi_kubernetes.batch.v1 import CronJobSpecArgsDict
from pulumi_kubernetes.core.v1 import (
    AffinityArgsDict,
    ContainerArgsDict,
    EnvVarArgsDict,
    PodAffinityTermArgsDict,
    PodSpecArgsDict,
    VolumeArgsDict,
    VolumeMountArgsDict,
)

from inference_app.contract import USER_ID
from infra.backups.kept import BACKUP_MEMORY, Kept, PostgresDatabase
from infra.clusters.cluster import BackupStore
from infra.pods import restricted
from infra.settings.backups import BackupSettings
from infra.versions import image

DUMPS = "/dump"
DUMP = f"{DUMPS}/database.dump"
CPU = "100m"

# A CronJob needs a schedule even where it never starts anything itself.
NEVER = "0 0 1 1 *"
DEADLINE_SECONDS = 6 * 3600


def script(name: str) -> str:
    """The text of a program in `files/`."""
    return Path(__file__).with_name("files").joinpath(name).read_text(encoding="utf-8")


def cron_job_spec(schedule: str | None, labels: Mapping[str, str], spec: PodSpecArgsDict) -> CronJobSpecArgsDict:
    """Runs by the schedule, never two at once; without one it is a template for `kubectl create job`."""
    return {
        "schedule": schedule or NEVER,
        "time_zone": "Etc/UTC",
        "suspend": schedule is None,
        "concurrency_policy": "Forbid",
        "starting_deadline_seconds": 3600,
        "successful_jobs_history_limit": 3,
        "failed_jobs_history_limit": 3,
        "job_template": {
            "metadata": {"labels": labels},
            "spec": {
                "backoff_limit": 2,
                "active_deadline_seconds": DEADLINE_SECONDS,
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        },
    }


def backup_pod(settings: BackupSettings, kept: Kept, store: BackupStore, account: pulumi.Input[str]) -> PodSpecArgsDict:
    """Writes the database down, then puts that and the volumes into the store."""
    first = [database_container("dump", kept, kept.database)] if kept.database else []
    more: list[EnvVarArgsDict] = [{"name": "KEEP_DAYS", "value": str(settings.keep_days)}]
    return pod_spec(kept, account, [*first, restic_container("backup", kept, store, more, folders(kept))])


def restore_pod(kept: Kept, store: BackupStore, account: pulumi.Input[str]) -> PodSpecArgsDict:
    """Brings the volumes' files and the dump back, then the database."""
    more: list[EnvVarArgsDict] = [{"name": "SNAPSHOT", "value": "latest"}]
    then = [database_container("load", kept, kept.database)] if kept.database else []
    return pod_spec(kept, account, [restic_container("fetch", kept, store, more), *then])


def pod_spec(kept: Kept, account: pulumi.Input[str], steps: Sequence[ContainerArgsDict]) -> PodSpecArgsDict:
    """A pod that does one step after the other, and that the Pod Security level `restricted` admits."""
    *first, last = steps
    spec: PodSpecArgsDict = {
        "service_account_name": account,
        "automount_service_account_token": False,
        "enable_service_links": False,
        "restart_policy": "Never",
        "security_context": restricted.pod_security(USER_ID),
        "containers": [last],
        "volumes": volumes(kept),
    }
    if first:
        spec["init_containers"] = first
    if kept.beside:
        spec["affinity"] = on_the_node_of(kept.beside)
    return spec


def on_the_node_of(labels: Mapping[str, str]) -> AffinityArgsDict:
    """A volume of one node at a time is mounted where its owner runs, or not at all."""
    term: PodAffinityTermArgsDict = {
        "label_selector": {"match_labels": labels},
        "topology_key": "kubernetes.io/hostname",
    }
    return {"pod_affinity": {"required_during_scheduling_ignored_during_execution": [term]}}


def restic_container(
    step: str, kept: Kept, store: BackupStore, more: Sequence[EnvVarArgsDict], arguments: Sequence[str] = ()
) -> ContainerArgsDict:
    """Runs `files/<step>.sh` with restic."""
    variables = {"RESTIC_HOST": kept.namespace, "RESTIC_REPOSITORY": store.repository, **store.variables}
    return {
        "name": step,
        "image": image("restic"),
        "command": ["sh", "-c", script(f"{step}.sh"), step, *arguments],
        "env": [
            {"name": "HOME", "value": restricted.TMP},
            *({"name": name, "value": value} for name, value in variables.items()),
            *more,
        ],
        "resources": restricted.resources(CPU, BACKUP_MEMORY),
        "volume_mounts": mounts(kept),
        "security_context": restricted.container_security(),
    }


def database_container(step: str, kept: Kept, database: PostgresDatabase) -> ContainerArgsDict:
    """Runs `files/<step>.sh` with the programs of the server's own version."""
    variables = {
        "HOME": restricted.TMP,
        "DUMP": DUMP,
        "PGHOST": database.host,
        "PGPORT": str(database.port),
        "PGUSER": database.name,
        "PGDATABASE": database.name,
    }
    password: EnvVarArgsDict = {
        "name": "PGPASSWORD",
        "value_from": {"secret_key_ref": {"name": database.login, "key": database.key}},
    }
    return {
        "name": step,
        "image": image("postgres"),
        # Debian's sh has no `pipefail`.
        "command": ["bash", "-c", script(f"{step}.sh")],
        "env": [*({"name": name, "value": value} for name, value in variables.items()), password],
        "resources": restricted.resources(CPU, BACKUP_MEMORY),
        "volume_mounts": mounts(kept),
        "security_context": restricted.container_security(),
    }


def folders(kept: Kept) -> list[str]:
    """What is in a backup."""
    return [*([DUMPS] if kept.database else []), *kept.folders.values()]


def volumes(kept: Kept) -> list[VolumeArgsDict]:
    """The claims, room for restic's cache, and room for a dump, which is smaller than the database."""
    dumps = [restricted.scratch("dump", kept.database.size)] if kept.database else []
    return [
        restricted.scratch("tmp", "5Gi"),
        *dumps,
        *(restricted.claimed(f"kept-{claim}", claim) for claim in kept.folders),
    ]


def mounts(kept: Kept) -> list[VolumeMountArgsDict]:
    """Every volume of the pod."""
    dumps: list[VolumeMountArgsDict] = [{"name": "dump", "mount_path": DUMPS}] if kept.database else []
    return [
        {"name": "tmp", "mount_path": restricted.TMP},
        *dumps,
        *({"name": f"kept-{claim}", "mount_path": path} for claim, path in kept.folders.items()),
    ]
