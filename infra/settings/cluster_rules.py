"""The rules for what runs on clusters that span blocks of a stack file; each returns what is wrong, or None."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from infra.settings.secrets import ClusterBlock
from infra.settings.serving import ROLLOUT_SURGE, Exposure, ServingSettings

if TYPE_CHECKING:
    from infra.settings.stack import StackSettings


def existing_clusters_can_pull_and_hide(stack: StackSettings) -> str | None:
    """A cluster that no cloud of the stack runs is told where to pull from, and what an internal load balancer is."""
    if not (stack.existing and stack.serving):
        return None
    if stack.image and not stack.image.repository:
        return (
            "image.repository must be given where existing and serving are: its nodes pull from there; add it, as "
            "registry.example.com/team/model-server"
        )
    if stack.serving.exposure is Exposure.NETWORK and not stack.existing.load_balancer:
        return (
            "existing.loadBalancer must be given where serving.exposure is network: a default load balancer may face "
            "the internet; add its class or annotations"
        )
    return None


def replicas_fit_the_pools(stack: StackSettings) -> str | None:
    """A rollout on full pools never waits for a GPU that there cannot be."""
    if not (stack.serving and stack.serving.gpus):
        return None
    pods, gpus = stack.serving.most_pods, stack.serving.gpus
    key, wanted = _most_pods(stack.serving)
    wanted += _workers(stack.serving)
    for block, cluster in (("eks", stack.eks), ("aks", stack.aks)):
        held = cluster.gpu_pods(gpus) if cluster else None
        if held is not None and pods > held:
            return (
                f"{key} must fit the GPU pools: {wanted}, and {block}.gpuPools hold {held} with {gpus} GPUs each; "
                f"lower it, or raise a pool's max or {block}.gpuTimeSlices"
            )
    return None


def _most_pods(serving: ServingSettings) -> tuple[str, str]:
    """The key that bounds the pods, and how many there may be with those that a rolling update adds."""
    if serving.rollout is None:
        return "serving.replicas.max", f"a rollout has {ROLLOUT_SURGE} more than {serving.replicas.max} replicas"
    each = " + ".join(f"{own.replicas.max + ROLLOUT_SURGE}" for own in serving.tracks.values())
    return (
        "serving.rollout.tracks.*.replicas.max",
        f"with {ROLLOUT_SURGE} more for each track's rollout there are {each} = {serving.most_pods} pods",
    )


def _workers(serving: ServingSettings) -> str:
    jobs = serving.asynchronous
    return f", serving.asynchronous.replicas.max adds {jobs.replicas.max} + {ROLLOUT_SURGE} workers" if jobs else ""


def checksums_are_of_every_track(stack: StackSettings) -> str | None:
    """The checksum of one version's files is asked of no other's."""
    source = stack.model.source if stack.model else None
    if not (stack.model and source and source.sha256 and stack.serving and stack.serving.rollout):
        return None
    for name, track in stack.serving.rollout.tracks.items():
        if track.model_version not in (None, stack.model.version):
            return (
                f"model.source.sha256 must be absent where serving.rollout.tracks.{name}.modelVersion is not "
                f"model.version, {stack.model.version}, got {track.model_version}: it is of one version's files; "
                "remove it"
            )
    return None


def networks_do_not_overlap(stack: StackSettings) -> str | None:
    """Pods and Services of AKS have addresses of their own."""
    if not (stack.aks and stack.azure and stack.azure.network):
        return None
    for key, cidr in (("podCidr", stack.aks.pod_cidr), ("serviceCidr", stack.aks.service_cidr)):
        if cidr.overlaps(stack.azure.network.cidr):
            return f"aks.{key} must not overlap azure.network.cidr, {stack.azure.network.cidr}, got {cidr}"
    return None


def queue_time_can_be_kept(stack: StackSettings) -> str | None:
    """The wait that replicas are added for is longer than batching's own, and shorter than what is promised."""
    goal = stack.serving.autoscaling.queue_time_ms if stack.serving else None
    if goal is None:
        return None
    delay = stack.model.batching.max_delay_ms if stack.model else None
    if delay and goal <= delay:
        return (
            f"serving.autoscaling.queueTimeMs must be more than model.batching.maxDelayMs, {delay:g}, which an example "
            f"may wait at any load, got {goal:g}; raise it or lower the delay"
        )
    if stack.objectives and goal >= stack.objectives.p95_latency_ms:
        return (
            "serving.autoscaling.queueTimeMs must be less than monitoring.objectives.p95LatencyMs, "
            f"{stack.objectives.p95_latency_ms:g}, since a wait is a part of it, got {goal:g}; lower it"
        )
    return None


def groups_are_known_to_every_cluster(stack: StackSettings) -> str | None:
    """Whoever has rights in the namespace is known to each cluster that has it."""
    wanted = stack.serving.access.groups if stack.serving else ()
    for block, cluster in (("eks", stack.eks), ("aks", stack.aks)):
        unknown = [name for name in wanted if cluster and name not in cluster.groups]
        if unknown:
            return f"serving.access must name groups of {block}.groups, got {unknown[0]}; add it there, or remove it"
    return None


def training_fits_a_gpu_node(stack: StackSettings) -> str | None:
    """A run on GPUs finds a node that has so many."""
    if not (stack.training and stack.training.gpus):
        return None
    for block, cluster in (("eks", stack.eks), ("aks", stack.aks)):
        if cluster and not cluster.gpu_pods(stack.training.gpus):
            return (
                f"training.gpus must fit a node of {block}.gpuPools, got {stack.training.gpus}; lower it, or add a "
                "pool with larger nodes"
            )
    return None


def objects_are_in_the_clusters_cloud(stack: StackSettings) -> str | None:
    """Pods have an identity in their own cloud only."""
    data = stack.training.data.url if stack.training and stack.training.data else None
    urls = {"training.data.url": data, "mlflow.artifacts.url": stack.mlflow and stack.mlflow.artifacts.url}
    for key, url in urls.items():
        away = url and (("aks", stack.aks) if url.startswith("s3://") else ("eks", stack.eks))
        if away and away[1]:
            return f"{key} must be in the cloud of {away[0]}, where pods have an identity, got {url}; use a volume"
    return None


def sources_find_shared_volumes(stack: StackSettings) -> str | None:
    """A volume for many nodes is made where there are such."""
    if not (stack.model and stack.model.source and stack.model.source.size):
        return None
    if stack.eks and not stack.eks.shared_storage:
        return (
            "model.source.size needs eks.sharedStorage, which is absent; add it, empty is enough, or name another "
            "source"
        )
    if stack.existing and not stack.existing.shared_storage_class:
        return "model.source.size needs existing.sharedStorageClass, which is absent; add it, or name another source"
    return None


def sources_can_be_read(stack: StackSettings) -> str | None:
    """A store that a cluster's own identity does not open is opened by keys."""
    source = stack.model.source if stack.model else None
    if not (source and source.url and stack.serving):
        return None
    is_s3 = source.url.startswith("s3://")
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if is_s3 else ("AZURE_STORAGE_ACCOUNT_KEY",)
    foreign = "aks" if is_s3 and stack.aks else "eks" if not is_s3 and stack.eks else None
    stranger = "model.source.endpoint" if source.endpoint else foreign
    if not stranger or set(keys) <= set(stack.serving.secrets):
        return None
    return (
        f"serving.secrets must have {' and '.join(keys)} where model.source.url is {source.url} and {stranger} is "
        "given; add them"
    )


def acme_zones_are_in_the_clusters_cloud(stack: StackSettings) -> str | None:
    """Whoever shows the authority a DNS record may change that zone."""
    gateway = stack.serving.gateway if stack.serving else None
    acme = gateway.tls.acme if gateway else None
    if acme is None:
        return None
    key, own = ("route53", ClusterBlock.EKS) if acme.route53 else ("azureDns", ClusterBlock.AKS)
    for block in ClusterBlock:
        if block is not own and getattr(stack, block.value):
            return (
                f"serving.gateway.tls.acme.{key} needs every cluster of the stack to be {own}, got {block}: pods have "
                "an identity in their own cloud only; use clusterIssuer or stored"
            )
    return None


def keys_are_checked_once(stack: StackSettings) -> str | None:
    """No server asks for a key that the gateway has taken off the request."""
    gateway = stack.serving.gateway if stack.serving else None
    taken = gateway and gateway.authentication and gateway.authentication.api_keys
    if not (stack.serving and taken and "API_KEYS" in stack.serving.secrets):
        return None
    return (
        "serving.secrets must have no API_KEYS where serving.gateway.authentication.apiKeys is given, since the "
        "gateway takes clients' keys off; remove one"
    )


RULES: tuple[Callable[[StackSettings], str | None], ...] = (
    existing_clusters_can_pull_and_hide,
    replicas_fit_the_pools,
    checksums_are_of_every_track,
    networks_do_not_overlap,
    queue_time_can_be_kept,
    groups_are_known_to_every_cluster,
    training_fits_a_gpu_node,
    objects_are_in_the_clusters_cloud,
    sources_find_shared_volumes,
    sources_can_be_read,
    acme_zones_are_in_the_clusters_cloud,
    keys_are_checked_once,
)
