"""What EC2 and KMS say of things that a list of tags still names for a while after their end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.audit.aws.arn import Arn
from infra.preflight.aws.client import Aws
from infra.preflight.errors import Absent

BATCH = 200
"""As many values as a filter takes (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html)."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one kind is asked for, and the fields of the answer."""

    operation: str
    filter: str
    list: str
    id: str
    created: str
    parameter: str = "Filters"


KINDS = {
    "ec2:volume": Kind(
        operation="describe_volumes", filter="volume-id", list="Volumes", id="VolumeId", created="CreateTime"
    ),
    "ec2:snapshot": Kind(
        operation="describe_snapshots", filter="snapshot-id", list="Snapshots", id="SnapshotId", created="StartTime"
    ),
    "ec2:natgateway": Kind(
        operation="describe_nat_gateways",
        filter="nat-gateway-id",
        list="NatGateways",
        id="NatGatewayId",
        created="CreateTime",
        parameter="Filter",
    ),
    "ec2:vpc-endpoint": Kind(
        operation="describe_vpc_endpoints",
        filter="vpc-endpoint-id",
        list="VpcEndpoints",
        id="VpcEndpointId",
        created="CreationTimestamp",
    ),
    "ec2:network-interface": Kind(
        operation="describe_network_interfaces",
        filter="network-interface-id",
        list="NetworkInterfaces",
        id="NetworkInterfaceId",
        created="",
    ),
}
ENDED = frozenset({"deleted", "deleting", "terminated", "shutting-down"})
"""States of what is gone, or on its way."""


@dataclass(frozen=True, kw_only=True)
class Existence:
    """Since when something is there, and how it goes by itself, where it does."""

    created: datetime | None = None
    ends: str | None = None


def existing(aws: Aws, arns: Sequence[Arn]) -> dict[Arn, Existence]:
    """Those that are really there; what nobody can be asked about is taken for there."""
    found: dict[Arn, Existence] = {}
    by_kind: dict[str, list[Arn]] = {}
    for arn in arns:
        by_kind.setdefault(arn.kind, []).append(arn)
    for kind, group in by_kind.items():
        found.update(_of_kind(aws, kind, group))
    return found


def _of_kind(aws: Aws, kind: str, group: Sequence[Arn]) -> Iterator[tuple[Arn, Existence]]:
    if kind == "kms:key":
        for arn in group:
            yield from _key(aws, arn)
        return
    if kind != "ec2:instance" and kind not in KINDS:
        yield from ((arn, Existence()) for arn in group)
        return
    for start in range(0, len(group), BATCH):
        batch = {arn.name: arn for arn in group[start : start + BATCH]}
        alive = _instances(aws, list(batch)) if kind == "ec2:instance" else _listed(aws, KINDS[kind], list(batch))
        yield from ((batch[name], Existence(created=created)) for name, created in alive.items())


def _listed(aws: Aws, kind: Kind, ids: list[str]) -> Mapping[str, datetime | None]:
    asked = {kind.parameter: [{"Name": kind.filter, "Values": ids}]}
    answers = aws.ask_all("ec2", kind.operation, kind.list, **asked)
    return {each[kind.id]: each.get(kind.created) for each in answers if str(each.get("State")).lower() not in ENDED}


def _instances(aws: Aws, ids: list[str]) -> Mapping[str, datetime | None]:
    asked = [{"Name": "instance-id", "Values": ids}]
    reservations: list[dict[str, Any]] = aws.ask_all("ec2", "describe_instances", "Reservations", Filters=asked)
    instances = [instance for each in reservations for instance in each["Instances"]]
    return {each["InstanceId"]: each["LaunchTime"] for each in instances if each["State"]["Name"] not in ENDED}


def _key(aws: Aws, arn: Arn) -> Iterator[tuple[Arn, Existence]]:
    try:
        key = aws.ask("kms", "describe_key", KeyId=arn.name)["KeyMetadata"]
    except Absent:
        return
    ends = f"deleted on {key['DeletionDate']:%Y-%m-%d}" if key["KeyState"] == "PendingDeletion" else None
    yield arn, Existence(created=key.get("CreationDate"), ends=ends)
