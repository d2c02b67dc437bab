"""Pods that stay within their bounds, say how they are, and may do nothing but their work."""

from collections.abc import Callable, Iterator, Mapping

from infra.policy import pods
from infra.policy.rule import Judged, Plain, Rule, Violation, at, each, is_true, must
from infra.policy.rules.exposure import CONTAINER_GROUP

DEPLOYMENT = "azure-native:machinelearningservices:OnlineDeployment"
HOST = ("hostNetwork", "hostPID", "hostIPC")
RESTRICTED: Mapping[str, Callable[[Plain], bool]] = {
    "runAsNonRoot": is_true,
    "seccompProfile.type": lambda found: found in ("RuntimeDefault", "Localhost"),
    "allowPrivilegeEscalation": lambda found: found is False,
    "readOnlyRootFilesystem": is_true,
    "privileged": lambda found: not found,
    "capabilities.drop": lambda found: "ALL" in (found or ()),
    "capabilities.add": lambda found: set(found or ()) <= {"NET_BIND_SERVICE"},
}
"""What each setting of a container's security context may be."""


def limited(resource: Judged) -> Iterator[Violation]:
    """CPU has no limit: idle cores are there to be used, and a limit slows a pod down beside them."""
    if resource.type == CONTAINER_GROUP:
        for path, container in each(resource.inputs, "containers"):
            for key in ("cpu", "memoryInGB"):
                yield from must(container, f"resources.requests.{key}", bool, path)
    for path, container in pods.containers(resource):
        for key in ("requests.cpu", "requests.memory", "limits.memory"):
            yield from must(container, f"resources.{key}", bool, path)


def probed(resource: Judged) -> Iterator[Violation]:
    """Without, a server that hangs stays, and gets requests."""
    if resource.type == DEPLOYMENT:
        yield from _probes(at(resource.inputs, "properties"), "properties")
    elif resource.type == CONTAINER_GROUP:
        for path, container in each(resource.inputs, "containers"):
            yield from _probes(container, path)
    for path, container in pods.containers(resource, "containers"):
        yield from _probes(container, path)


def _probes(value: Plain, below: str) -> Iterator[Violation]:
    for key in ("livenessProbe", "readinessProbe"):
        yield from must(value, key, bool, below)


def restricted(resource: Judged) -> Iterator[Violation]:
    """What Kubernetes' level `restricted` asks, and a root file system that nobody writes to."""
    for path, pod in pods.pods(resource):
        for key in HOST:
            yield from must(pod, key, lambda found: not found, path)
        for below, volume in each(pod, "volumes"):
            yield from must(volume, "hostPath", lambda found: not found, f"{path}.{below}")
        shared: Mapping[str, Plain] = at(pod, "securityContext") or {}
        for key in ("initContainers", "containers"):
            for below, container in each(pod, key):
                yield from _restricted(shared, container, f"{path}.{below}")


def _restricted(pod: Mapping[str, Plain], container: Plain, path: str) -> Iterator[Violation]:
    """A container's own settings win over those of its pod."""
    settings: Mapping[str, Plain] = at(container, "securityContext") or {}
    own = {"securityContext": {**pod, **settings}}
    for key, allowed in RESTRICTED.items():
        yield from must(own, f"securityContext.{key}", allowed, path)


RULES = [
    Rule(
        name="containers-limited",
        demands="Every container asks for CPU and memory, and has a limit of memory.",
        fix="set `resources.requests` of both, and `resources.limits.memory`",
        source="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
        judges=lambda resource: resource.type == CONTAINER_GROUP or pods.has_pods(resource),
        check=limited,
    ),
    Rule(
        name="servers-probed",
        demands="Every container of a server has a liveness and a readiness probe.",
        fix="set `livenessProbe` and `readinessProbe`",
        source="https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",
        judges=lambda resource: (
            resource.type in (CONTAINER_GROUP, DEPLOYMENT)
            or (pods.has_pods(resource) and resource.type not in pods.ENDING)
        ),
        check=probed,
    ),
    Rule(
        name="pods-restricted",
        demands="No container of ours runs as root, gains rights, writes to its image or reaches its node.",
        fix="set the security context of `infra/pods/restricted.py`",
        source="https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted",
        judges=pods.has_pods,
        check=restricted,
    ),
]
