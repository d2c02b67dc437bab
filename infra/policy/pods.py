"""The pods that objects of Kubernetes describe, and their containers."""

from collections.abc import Iterator

from infra.policy.rule import Judged, Plain, at, each, is_map

_TEMPLATE = ("spec.template.spec",)
SPECIFICATIONS = {
    "kubernetes:apps/v1:DaemonSet": _TEMPLATE,
    "kubernetes:apps/v1:Deployment": _TEMPLATE,
    "kubernetes:apps/v1:StatefulSet": _TEMPLATE,
    "kubernetes:batch/v1:CronJob": ("spec.jobTemplate.spec.template.spec",),
    "kubernetes:batch/v1:Job": _TEMPLATE,
    "kubernetes:core/v1:Pod": ("spec",),
    "kubernetes:serving.kserve.io/v1beta1:InferenceService": ("spec.predictor", "spec.transformer"),
}
"""Where an object describes pods, by its type."""
ENDING = frozenset({"kubernetes:batch/v1:CronJob", "kubernetes:batch/v1:Job"})
"""Their pods end by themselves, so nobody asks them whether they are well."""


def has_pods(resource: Judged) -> bool:
    """Tell whether the program wrote pods for it; those of a chart it did not."""
    return any(True for _ in pods(resource))


def pods(resource: Judged) -> Iterator[tuple[str, Plain]]:
    """Yield the specifications of its pods with their paths."""
    for path in SPECIFICATIONS.get(resource.type, ()):
        found = at(resource.inputs, path)
        if is_map(found):
            yield path, found


def containers(resource: Judged, *lists: str) -> Iterator[tuple[str, Plain]]:
    """Yield the containers of its pods with their paths: all of them, or those of `lists`."""
    for path, pod in pods(resource):
        for key in lists or ("initContainers", "containers"):
            yield from ((f"{path}.{below}", container) for below, container in each(pod, key))
