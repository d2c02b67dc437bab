"""The Kubernetes objects of a stack that the program makes, and does not make where somebody else owns them.

So each object has one owner by construction: it is in the plan of the stack, or among these files.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.manifests.waves import waves
from infra.preview.errors import StackFileError
from infra.preview.manifests import Manifest, kubernetes_object
from infra.preview.plan import Plan, Resource
from infra.preview.program import ROOT, stack_plan
from infra.preview.stack_file import OUTPUT, load
from infra.preview.wire import Plain
from infra.settings.delivery import Owner

APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
WAVE = "argocd.argoproj.io/sync-wave"
"""Annotation with an object's place in the order: https://argo-cd.readthedocs.io/en/release-3.5/user-guide/sync-waves/."""
HEADER = "# Made by `make manifests`, which overwrites changes.\n"


def workload_of(stack: str, overrides: Sequence[str] = (), root: Path = ROOT) -> tuple[Plan, list[Manifest]]:
    """The stack's plan while the program owns the workload, and a file for each object that another owner would make.

    Raises `PreviewError` for a stack without the block `delivery`, and whatever `stack_plan` raises.
    """
    if not _has_delivery(stack, root):
        raise StackFileError(f"Pulumi.{stack}.yaml has no block delivery, so nobody else makes its workload; add one")
    settings = [each for each in overrides if not each.startswith(OUTPUT)]
    own = stack_plan(stack, [*overrides, f"delivery.owner={Owner.PROGRAM}"], root)
    others = stack_plan(stack, [*settings, f"delivery.owner={Owner.ARGOCD}"], root)
    return own, workload(own, others)


def delivered(plan: Plan, overrides: Sequence[str] = (), root: Path = ROOT) -> list[Manifest]:
    """The files of a plan whose workload somebody else makes; none where the program does."""
    if not plan.of_type(APPLICATION):
        return []
    return workload(stack_plan(plan.stack, [*overrides, f"delivery.owner={Owner.PROGRAM}"], root), plan)


def workload(own: Plan, others: Plan) -> list[Manifest]:
    """A file for each object of `own` that is not in `others`, the plan of the same stack with another owner."""
    kept = {resource.urn for resource in others.resources}
    moved = [resource for resource in own.resources if resource.custom and resource.urn not in kept]
    order = waves(own.resources, {resource.urn for resource in moved})
    return [_file(resource, order[resource.urn]) for resource in moved]


def _file(resource: Resource, wave: int) -> Manifest:
    document = with_wave(kubernetes_object(resource), wave)
    name = f"{document['kind'].lower()}-{document['metadata']['name']}.yaml"
    return Manifest(resource=resource, path=Path(resource.provider_name, name), document=document, header=HEADER)


def with_wave(document: Mapping[str, Plain], wave: int) -> dict[str, Plain]:
    """The object, with its place in the order."""
    metadata = document["metadata"]
    return {**document, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), WAVE: str(wave)}}}


def _has_delivery(stack: str, root: Path) -> bool:
    found = load(root, stack)
    return found.config.get(f"{found.project}:delivery") is not None
