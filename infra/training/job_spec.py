"""What one run of the training is: its pod, where that may run, and when it is tried again.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/cron-job-v1/
"""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.batch.v1 import (
    CronJobSpecArgsDict,
    JobSpecArgsDict,
    PodFailurePolicyArgsDict,
    PodFailurePolicyOnExitCodesRequirementArgsDict,
)
from pulumi_kubernetes.core.v1 import ContainerArgsDict, PodSpecArgsDict, VolumeArgsDict, VolumeMountArgsDict

from inference_app.contract import USER_ID
from infra.clusters.gpu import GPU_RESOURCE
from infra.pods import restricted
from infra.pods.scheduling import GpuScheduling, on_gpu_nodes
from infra.settings.training import TrainingSettings

CONTAINER = "train"
MODELS, DATA = "/models", "/data"
WORK = f"{restricted.TMP}/training"
COMMAND = ("python", "-m", "inference_app.training", "pipeline", "--work", WORK, "--repository", MODELS, "--promote")

USAGE_STATUS = 2
"""How the command ends when it is called wrongly, which no further run mends."""

# A CronJob needs a schedule even where it never starts anything itself.
UNUSED_SCHEDULE = "0 0 1 1 *"

UNDISTURBED = {
    # https://karpenter.sh/docs/concepts/disruption/#pod-level-controls
    "karpenter.sh/do-not-disrupt": "true",
    # https://learn.microsoft.com/azure/aks/cluster-autoscaler-overview
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
}
"""Nobody takes a run's node to save a node; the run's deadline bounds for how long."""


def cron_job_spec(settings: TrainingSettings, labels: Mapping[str, str], spec: PodSpecArgsDict) -> CronJobSpecArgsDict:
    """Starts runs by the schedule, never two at once; without one it is a template for `kubectl create job`."""
    return {
        "schedule": settings.schedule or UNUSED_SCHEDULE,
        "time_zone": "Etc/UTC",
        "suspend": settings.schedule is None,
        "concurrency_policy": "Forbid",
        # A run that could not start in time waits for its next turn.
        "starting_deadline_seconds": 3600,
        "successful_jobs_history_limit": 3,
        "failed_jobs_history_limit": 3,
        "job_template": {"metadata": {"labels": labels}, "spec": job_spec(settings, labels, spec)},
    }


def job_spec(settings: TrainingSettings, labels: Mapping[str, str], spec: PodSpecArgsDict) -> JobSpecArgsDict:
    """One pod at a time until one succeeds, within the deadline."""
    return {
        "completions": 1,
        "parallelism": 1,
        "backoff_limit": settings.retries,
        "active_deadline_seconds": settings.deadline_seconds,
        "ttl_seconds_after_finished": settings.keep_seconds,
        "pod_failure_policy": failure_policy(),
        # A pod that is ending may still write; the next one waits until it is gone.
        "pod_replacement_policy": "Failed",
        "template": {"metadata": {"labels": labels, "annotations": UNDISTURBED}, "spec": spec},
    }


def failure_policy() -> PodFailurePolicyArgsDict:
    """A pod that lost its node does not count as a failure; one that was called wrongly fails the Job at once.

    Status 1 is a refused model and any exception alike, a full volume for one, so it is tried again.
    https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
    """
    usage: PodFailurePolicyOnExitCodesRequirementArgsDict = {
        "container_name": CONTAINER,
        "operator": "In",
        "values": [USAGE_STATUS],
    }
    return {
        "rules": [
            {"action": "Ignore", "on_pod_conditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "on_exit_codes": usage},
        ]
    }


def pod_spec(
    settings: TrainingSettings,
    run: ContainerArgsDict,
    volumes: Sequence[VolumeArgsDict],
    account: pulumi.Input[str],
    scheduling: GpuScheduling,
) -> PodSpecArgsDict:
    """A pod that the Pod Security level `restricted` admits and that, with GPUs, runs on GPU nodes only, spot first."""
    spec: PodSpecArgsDict = {
        "service_account_name": account,
        "automount_service_account_token": False,
        "enable_service_links": False,
        "restart_policy": "Never",
        # Nothing is saved on the way: the version is written at the end, whole or not at all.
        "termination_grace_period_seconds": 5,
        "security_context": restricted.pod_security(USER_ID),
        "containers": [run],
        "volumes": volumes,
    }
    return on_gpu_nodes(spec, scheduling) if settings.gpus else spec


def container(
    settings: TrainingSettings, image: pulumi.Input[str], variables: Mapping[str, pulumi.Input[str]]
) -> ContainerArgsDict:
    """The training itself, the pipeline of `make train`, with the model volume for its repository."""
    mounts: list[VolumeMountArgsDict] = [
        {"name": "tmp", "mount_path": restricted.TMP},
        {"name": "models", "mount_path": MODELS},
    ]
    if settings.data and not settings.data.url:
        mounts.append({"name": "data", "mount_path": DATA, "read_only": True})
    gpus = {GPU_RESOURCE: str(settings.gpus)} if settings.gpus else {}
    return {
        "name": CONTAINER,
        "image": image,
        "command": command(settings),
        "env": [{"name": name, "value": variables[name]} for name in sorted(variables)],
        "resources": restricted.resources(settings.resources.cpu, settings.resources.memory, gpus),
        "volume_mounts": mounts,
        "security_context": restricted.container_security(),
    }


def command(settings: TrainingSettings) -> list[str]:
    """What a run does: from the data to a version that is active."""
    return [*COMMAND, *(["--name", settings.name] if settings.name else [])]
