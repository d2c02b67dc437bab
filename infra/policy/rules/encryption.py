"""Everything at rest is encrypted, and its keys change."""

from collections.abc import Iterator, Sequence

from infra.policy.rule import Judged, Rule, StackRule, Violation, at, each, is_true, is_unknown, must, of

BUCKET = "aws:s3/bucket:Bucket"
BUCKET_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
ENDPOINT = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
FILES = "aws:efs/fileSystem:FileSystem"
KEY = "aws:kms/key:Key"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
QUEUE = "aws:sqs/queue:Queue"
REPOSITORY = "aws:ecr/repository:Repository"
STORAGE_ACCOUNT = "azure-native:storage:StorageAccount"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
TOPIC = "aws:sns/topic:Topic"

DISKS = {LAUNCH_TEMPLATE: "blockDeviceMappings", NODE_CLASS: "spec.blockDeviceMappings"}
ENCRYPTED_STORAGE = {
    "ebs.csi.aws.com": "parameters.encrypted",
    "file.csi.azure.com": "parameters.encryptInTransit",
}
"""The parameter that turns encryption on, by storage driver; others encrypt always, or as their file system does."""


def disks(resource: Judged) -> Iterator[Violation]:
    """Without a mapping of its own, a machine's disk is as its image has it."""
    path = DISKS[resource.type]
    mappings = list(each(resource.inputs, path))
    if not mappings and not is_unknown(at(resource.inputs, path)):
        yield Violation(path, None)
    for below, mapping in mappings:
        yield from must(mapping, "ebs.encrypted", is_true, below)


def volumes(resource: Judged) -> Iterator[Violation]:
    """A driver's own parameter decides."""
    path = ENCRYPTED_STORAGE.get(at(resource.inputs, "provisioner"))
    if path:
        yield from must(resource.inputs, path, is_true)


def buckets(resource: Judged, stack: Sequence[Judged]) -> Iterator[Violation]:
    """S3 encrypts with a key of its own unless another is named."""
    own = [
        each(other.inputs, "rules")
        for other in stack
        if other.type == BUCKET_ENCRYPTION and resource.urn in other.property_dependencies.get("bucket", ())
    ]
    algorithms = [at(rule, "applyServerSideEncryptionByDefault.sseAlgorithm") for rules in own for _, rule in rules]
    if not any(found == "aws:kms" or is_unknown(found) for found in algorithms):
        yield Violation("encryption", algorithms[0] if algorithms else None)


def repositories(resource: Judged) -> Iterator[Violation]:
    """The default is AES256 with a key that no policy guards."""
    types = [at(found, "encryptionType") for _, found in each(resource.inputs, "encryptionConfigurations")]
    if not any(found in ("KMS", "KMS_DSSE") or is_unknown(found) for found in types):
        yield Violation("encryptionConfigurations", types or None)


def queues(resource: Judged) -> Iterator[Violation]:
    """With SQS's own key, or one that is named."""
    if not at(resource.inputs, "kmsMasterKeyId"):
        yield from must(resource.inputs, "sqsManagedSseEnabled", is_true)


def endpoint_data(resource: Judged) -> Iterator[Violation]:
    """What an endpoint writes to S3: captured requests, asynchronous answers."""
    for path in ("dataCaptureConfig", "asyncInferenceConfig.outputConfig"):
        if at(resource.inputs, path):
            yield from must(resource.inputs, f"{path}.kmsKeyId", bool)


def transport(resource: Judged) -> Iterator[Violation]:
    """Old versions of TLS can be read."""
    yield from must(resource.inputs, "enableHttpsTrafficOnly", is_true)
    yield from must(resource.inputs, "minimumTlsVersion", lambda found: found in ("TLS1_2", "TLS1_3"))


RULES = [
    Rule(
        name="disks-encrypted",
        demands="Every disk of a machine is encrypted.",
        fix="set `encrypted: true` on each block device mapping, and have one for the root disk",
        source="https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html",
        judges=lambda resource: resource.type in DISKS,
        check=disks,
    ),
    Rule(
        name="volumes-encrypted",
        demands="Every storage class makes encrypted volumes.",
        fix='set `encrypted: "true"` (EBS) or `encryptInTransit: "true"` (Azure Files over NFS) in its parameters',
        source="https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/parameters.md",
        judges=of(STORAGE_CLASS),
        check=volumes,
    ),
    Rule(
        name="files-encrypted",
        demands="Every file system is encrypted.",
        fix="set `encrypted: true`",
        source="https://docs.aws.amazon.com/efs/latest/ug/encryption-at-rest.html",
        judges=of(FILES),
        check=lambda resource: must(resource.inputs, "encrypted", is_true),
    ),
    StackRule(
        name="buckets-encrypted",
        demands="Every bucket encrypts with a key of KMS.",
        fix="give it a BucketServerSideEncryptionConfiguration with `sseAlgorithm: aws:kms`",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html",
        judges=of(BUCKET),
        compare=buckets,
    ),
    Rule(
        name="images-encrypted",
        demands="Every image repository encrypts with a key of KMS.",
        fix="set `encryptionConfigurations: [{encryptionType: KMS}]`; a repository keeps what it was made with",
        source="https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html",
        judges=of(REPOSITORY),
        check=repositories,
    ),
    Rule(
        name="messages-encrypted",
        demands="Every topic and queue is encrypted.",
        fix="set `kmsMasterKeyId`, or `sqsManagedSseEnabled: true` on a queue",
        source="https://docs.aws.amazon.com/sns/latest/dg/sns-server-side-encryption.html",
        judges=of(TOPIC, QUEUE),
        check=lambda resource: (
            queues(resource) if resource.type == QUEUE else must(resource.inputs, "kmsMasterKeyId", bool)
        ),
    ),
    Rule(
        name="kubernetes-secrets-encrypted",
        demands="Kubernetes secrets are encrypted with a key of the stack.",
        fix="set `encryptionConfig` with a key of KMS and `resources: [secrets]`",
        source="https://docs.aws.amazon.com/eks/latest/userguide/enable-kms.html",
        judges=of("aws:eks/cluster:Cluster"),
        check=lambda resource: must(
            resource.inputs, "encryptionConfig.resources", lambda found: "secrets" in (found or ())
        ),
    ),
    Rule(
        name="endpoint-data-encrypted",
        demands="What a SageMaker endpoint writes is encrypted with a key of the stack.",
        fix="set `kmsKeyId` beside where it writes to",
        source="https://docs.aws.amazon.com/sagemaker/latest/dg/encryption-at-rest.html",
        judges=of(ENDPOINT),
        check=endpoint_data,
    ),
    Rule(
        name="transport-encrypted",
        demands="Storage answers over TLS 1.2 or newer only.",
        fix="set `enableHttpsTrafficOnly: true` and `minimumTlsVersion: TLS1_2`",
        source="https://learn.microsoft.com/azure/storage/common/transport-layer-security-configure-minimum-version",
        judges=of(STORAGE_ACCOUNT),
        check=transport,
    ),
    Rule(
        name="keys-rotate",
        demands="Every key changes once a year.",
        fix="set `enableKeyRotation: true`",
        source="https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
        judges=of(KEY),
        check=lambda resource: must(resource.inputs, "enableKeyRotation", is_true),
    ),
]
