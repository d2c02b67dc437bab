"""Files that pods on many nodes share: Amazon EFS, an access point for each volume."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from inference_app.contract import USER_ID
from infra.clouds.aws.iam import policy
from infra.clouds.aws.network import Network
from infra.clusters.eks.context import EksContext
from infra.settings.eks import SharedStorageSettings

STORAGE_CLASS = "efs"
NFS_PORT = 2049


@dataclass(frozen=True, kw_only=True)
class SharedStorageArgs:
    """`node_security_group_id` is the one that the cluster's nodes have, and nothing else."""

    settings: SharedStorageSettings
    context: EksContext
    network: Network
    node_security_group_id: pulumi.Input[str | None]


class SharedStorage(pulumi.ComponentResource):
    """An encrypted file system that only the cluster's nodes reach, and the StorageClass of its volumes.

    A volume is a directory of its own, which its access point shows to every pod as the model server's user. Deleting
    the volume removes the access point and leaves the files
    (https://github.com/kubernetes-sigs/aws-efs-csi-driver/blob/master/docs/parameters.md).
    """

    def __init__(self, name: str, args: SharedStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:SharedStorage", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        files = self._file_system()
        backups = "ENABLED" if args.settings.backups else "DISABLED"
        aws.efs.BackupPolicy(name, file_system_id=files.id, backup_policy={"status": backups}, opts=self._child)
        rules = aws.efs.FileSystemPolicy(
            name, file_system_id=files.id, policy=files.arn.apply(file_system_policy), opts=self._child
        )
        targets = self._mount_targets(files)
        kubernetes.storage.v1.StorageClass(
            name,
            metadata={"name": STORAGE_CLASS},
            provisioner="efs.csi.aws.com",
            parameters=parameters(files.id),
            volume_binding_mode="Immediate",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rules, *targets]),
        )
        self.register_outputs({"fileSystemId": files.id})

    def _file_system(self) -> aws.efs.FileSystem:
        eks, name = self._args.context.eks, self._args.context.name
        key = aws.kms.Key(
            f"{self._name}-key",
            description=f"Shared files of {name}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            opts=self._child,
        )
        return aws.efs.FileSystem(
            f"{self._name}-files",
            encrypted=True,
            kms_key_id=key.arn,
            # A model is read in bursts, by as many pods as start at once; one pays for what is read.
            throughput_mode="elastic",
            lifecycle_policies=[
                {"transition_to_ia": idle_class(self._args.settings.infrequent_after_days)},
                {"transition_to_primary_storage_class": "AFTER_1_ACCESS"},
            ],
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self, protect=eks.deletion_protection),
        )

    def _mount_targets(self, files: aws.efs.FileSystem) -> list[aws.efs.MountTarget]:
        """An address of the file system in every zone that has nodes."""
        network = self._args.network
        group = self._security_group(network.vpc_id)
        return [
            aws.efs.MountTarget(
                f"{self._name}-{zone}",
                file_system_id=files.id,
                subnet_id=subnet,
                security_groups=[group.id],
                opts=self._child,
            )
            for zone, subnet in zip(network.zones, network.private_subnet_ids, strict=True)
        ]

    def _security_group(self, vpc_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            f"{self._name}-nodes", description="Shared files of the cluster's nodes", vpc_id=vpc_id, opts=self._child
        )
        aws.vpc.SecurityGroupIngressRule(
            self._name,
            security_group_id=group.id,
            referenced_security_group_id=self._args.node_security_group_id,
            ip_protocol="tcp",
            from_port=NFS_PORT,
            to_port=NFS_PORT,
            opts=self._child,
        )
        return group


def idle_class(days: int) -> str:
    """When files move to infrequent access (https://docs.aws.amazon.com/efs/latest/ug/API_LifecyclePolicy.html)."""
    return f"AFTER_{days}_DAY{'' if days == 1 else 'S'}"


def parameters(file_system_id: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """Of the StorageClass, as the driver names them; all are text."""
    return {
        "provisioningMode": "efs-ap",
        "fileSystemId": file_system_id,
        "directoryPerms": "700",
        "uid": str(USER_ID),
        "gid": str(USER_ID),
    }


def file_system_policy(arn: str) -> str:
    """Reading and writing for whoever reaches a mount target, over TLS, and never as root.

    https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
    """
    mount = {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
        "Resource": arn,
        "Condition": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
    }
    plain = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "elasticfilesystem:*",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return policy(mount, plain)
