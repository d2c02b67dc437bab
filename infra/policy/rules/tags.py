"""Every cloud resource says whose it is: bills, audits and clean-ups go by its tags."""

import json
from collections.abc import Iterator

from infra.policy.rule import Judged, Plain, Rule, Violation, at, each, is_map, is_unknown
from infra.policy.rules.encryption import LAUNCH_TEMPLATE, NODE_CLASS

REQUIRED = ("environment", "managed-by", "owner", "project", "stack")
PROVIDERS = ("pulumi:providers:aws", "pulumi:providers:aws-native")
UNTAGGABLE = frozenset(
    f"azure-native:{name}"
    for name in (
        "authorization:RoleAssignment",
        "consumption:Budget",
        "machinelearningservices:EnvironmentVersion",
        "managedidentity:FederatedIdentityCredential",
        "monitor:DataCollectionRuleAssociation",
        "monitor:DiagnosticSetting",
        "network:SecurityRule",
        "network:Subnet",
        "storage:BlobContainer",
        "storage:BlobServiceProperties",
        "storage:ManagementPolicy",
    )
)
"""Kinds of Azure that have no tags of their own."""
LAUNCHED = frozenset({"instance", "volume"})


def tagged(value: Plain, path: str, below: str = "") -> Iterator[Violation]:
    """Yield a violation for each required tag that the map at `path` lacks."""
    tags = at(value, path)
    if is_unknown(tags):
        return
    for key in REQUIRED:
        if not is_map(tags) or not tags.get(key):
            yield Violation(f"{below}{path}.{key}", None)


def default_tags(provider: Judged) -> dict[str, Plain]:
    """Return a provider's inputs with its `defaultTags` as a map; providers' settings cross the wire as JSON."""
    found: Plain = provider.inputs.get("defaultTags")
    is_json = isinstance(found, str) and not is_unknown(found)
    return {"defaultTags": json.loads(found) if is_json else found}


def launched(resource: Judged) -> Iterator[Violation]:
    """A provider tags what it makes; these are made by an autoscaler, from a template."""
    if resource.type == NODE_CLASS:
        yield from tagged(resource.inputs, "spec.tags")
        return
    specifications = dict[str, tuple[str, Plain]]()
    for path, found in each(resource.inputs, "tagSpecifications"):
        specifications[at(found, "resourceType")] = (path, found)
    for kind in sorted(LAUNCHED - specifications.keys()):
        yield Violation(f"tagSpecifications of {kind}", None)
    for path, found in specifications.values():
        yield from tagged(found, "tags", f"{path}.")


RULES = [
    Rule(
        name="aws-tagged",
        demands=f"The AWS providers give all they make these tags: {', '.join(REQUIRED)}.",
        fix="write `owner` and `environment` into the stack file's `tags`; the program adds the others",
        source="https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",
        judges=lambda resource: resource.type in PROVIDERS,
        check=lambda resource: tagged(default_tags(resource), "defaultTags.tags"),
    ),
    Rule(
        name="azure-tagged",
        demands="Every resource of Azure that can have tags has the same ones.",
        fix="write `owner` and `environment` into the stack file's `tags`; the program adds the others",
        source="https://learn.microsoft.com/azure/cloud-adoption-framework/ready/azure-best-practices/resource-tagging",
        judges=lambda resource: resource.type.startswith("azure-native:") and resource.type not in UNTAGGABLE,
        check=lambda resource: tagged(resource.inputs, "tags"),
    ),
    Rule(
        name="machines-tagged",
        demands="Machines and disks that an autoscaler makes have them too.",
        fix="set `tagSpecifications` for instances and volumes, or Karpenter's `spec.tags`",
        source="https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html",
        judges=lambda resource: resource.type in (LAUNCH_TEMPLATE, NODE_CLASS),
        check=launched,
    ),
]
