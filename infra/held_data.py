"""What of a stack holds data, and which setting keeps it from `destroy`."""

import re
from collections.abc import Iterator, Sequence

from infra.stack_state import Recorded

DATA = {
    "aws:ecr/repository:Repository": "images",
    "azure-native:containerregistry:Registry": "images",
    "aws:efs/fileSystem:FileSystem": "shared files",
    "aws:s3/bucket:Bucket": "objects",
    "azure-native:storage:StorageAccount": "objects and files",
    "azure-native:keyvault:Vault": "secrets, which Azure can bring back for 90 days",
    "kubernetes:core/v1:PersistentVolumeClaim": "a volume",
    "kubernetes:apps/v1:StatefulSet": "volumes",
}
"""What is gone with a resource, by its type."""

KEPT_BY = (
    (r"clusters:Backup", "backups.deleteData: true"),
    (r"clusters:EksCluster", "eks.deletionProtection: false"),
    (r"clusters:AksCluster|keyvault:Vault::aks-", "aks.deletionProtection: false"),
    (r"inference:images:", "image.deleteImages: true"),
    (r"training:TrainingJob", "training.deleteData: true"),
    (r"training:Mlflow|-mlflow-namespace$", "mlflow.deleteData: true"),
    (r"serving:ModelClaim", "model.source.deleteData: true"),
    (r"managed:EndpointBucket", "sagemaker.deleteData: true"),
)
"""The setting that lets a protected resource go, by what its URN holds; the first that fits."""


def setting(urn: str) -> str | None:
    """What to write in the stack file so that `up` no longer protects the resource; None where no setting does."""
    return next((found for pattern, found in KEPT_BY if re.search(pattern, urn)), None)


def refusal(stack: str, resources: Sequence[Recorded]) -> str | None:
    """Why `destroy` does not begin, and what to do; None where nothing is protected."""
    protected = [each for each in resources if each.protect]
    if not protected:
        return None
    settings = {each.urn: setting(each.urn) for each in protected}
    rows = [f"  {_named(each)}: {settings[each.urn] or f'pulumi state unprotect {each.urn!r}'}" for each in protected]
    written = sorted({found for found in settings.values() if found})
    fix = f"set {', '.join(written)} in Pulumi.{stack}.yaml and run `make up STACK={stack}`" if written else "unprotect"
    return "\n".join(
        [
            f"{stack} is protected, and nothing was deleted:",
            *rows,
            f"To delete it all the same, {fix}, then destroy again.",
        ]
    )


def warning(stack: str, resources: Sequence[Recorded]) -> Iterator[str]:
    """Lines that say what data `destroy` takes for good."""
    held = [each for each in resources if each.type in DATA]
    if held:
        yield f"destroy deletes {stack}'s data for good:"
    for each in held:
        yield f"  {_named(each)}: {DATA[each.type]}"


def _named(each: Recorded) -> str:
    return f"{each.type.rpartition(':')[2]} {each.name}"
