"""EC2's quotas, which count vCPUs by family and by what the capacity is lent as.

https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from infra.machines import Capacity, Machines
from infra.preflight.answer import Answer, unknown
from infra.preflight.aws import quotas
from infra.preflight.aws.client import Aws
from infra.preflight.errors import Unanswerable
from infra.preview import Plan


@dataclass(frozen=True)
class VcpuQuota:
    """One quota, and the instance types that count against it."""

    code: str
    name: str
    capacity: Capacity
    types: str

    @property
    def asked(self) -> str:
        """Its name in the report."""
        return f"quota {self.code}, {self.name}"

    def counts(self, instance_type: str) -> bool:
        """Whether the type counts against it."""
        return re.match(self.types, instance_type) is not None


STANDARD = r"(a|c|d|h|i|im|is|m|r|t|z)\d"
QUOTAS = (
    VcpuQuota("L-1216C47A", "On-Demand Standard", Capacity.ON_DEMAND, STANDARD),
    VcpuQuota("L-34B43A08", "Spot Standard", Capacity.SPOT, STANDARD),
    VcpuQuota("L-DB2E81BA", "On-Demand G and VT", Capacity.ON_DEMAND, r"(g|gr|vt)\d"),
    VcpuQuota("L-3819A6DF", "Spot G and VT", Capacity.SPOT, r"(g|gr|vt)\d"),
    VcpuQuota("L-417A185B", "On-Demand P", Capacity.ON_DEMAND, r"p\d"),
    VcpuQuota("L-7212CCBC", "Spot P4, P3 and P2", Capacity.SPOT, r"p[234]"),
    VcpuQuota("L-C4BD4855", "Spot P5", Capacity.SPOT, r"p5"),
)


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What runs in the account and is not the stack's."""

    instance_type: str
    capacity: Capacity


def questions(aws: Aws, plan: Plan, pools: Sequence[Machines]) -> Iterator[Answer]:
    """A row for each quota that the pools at their most count against."""
    others = _others(aws, plan)
    running = [] if isinstance(others, Unanswerable) else others
    types = {name for pool in pools for name in pool.instance_types} | {each.instance_type for each in running}
    vcpus = sizes(aws, types)
    for quota in QUOTAS:
        needed = most(quota, pools, vcpus)
        used = others if isinstance(others, Unanswerable) else in_use(quota, running, vcpus)
        if needed:
            yield quotas.row(aws, ("ec2", quota.code), quota.asked, needed=needed, used=used, unit="vCPUs")
    yield from _unheard_of(pools)


def _unheard_of(pools: Iterable[Machines]) -> Iterator[Answer]:
    named = {(pool.capacity, name) for pool in pools for name in pool.instance_types}
    for capacity, name in sorted(named):
        if not any(quota.counts(name) for quota in QUOTAS if quota.capacity is capacity):
            reason = Unanswerable("no quota is known for this family", "look it up in the Service Quotas console")
            yield unknown(f"quota of {capacity} {name}", reason)


def most(quota: VcpuQuota, pools: Iterable[Machines], vcpus: Mapping[str, int]) -> int:
    """The vCPUs that count against the quota when every pool is full, each node of its type with the most of them."""
    counted = (
        (pool.maximum, [vcpus[name] for name in pool.instance_types if quota.counts(name) and name in vcpus])
        for pool in pools
        if pool.capacity is quota.capacity
    )
    return sum(nodes * max(sizes, default=0) for nodes, sizes in counted)


def in_use(quota: VcpuQuota, running: Iterable[Instance], vcpus: Mapping[str, int]) -> int:
    """The vCPUs of what runs and counts against the quota."""
    counted = Counter(each.instance_type for each in running if each.capacity is quota.capacity)
    return sum(count * vcpus.get(name, 0) for name, count in counted.items() if quota.counts(name))


def sizes(aws: Aws, types: Iterable[str]) -> dict[str, int]:
    """The vCPUs of each type that the region has; a filter leaves the others out, a name would fail them all."""
    wanted = [{"Name": "instance-type", "Values": sorted(types)}]
    found = aws.ask_all("ec2", "describe_instance_types", "InstanceTypes", Filters=wanted)
    return {each["InstanceType"]: each["VCpuInfo"]["DefaultVCpus"] for each in found}


def _others(aws: Aws, plan: Plan) -> list[Instance] | Unanswerable:
    live = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    try:
        found = aws.ask_all("ec2", "describe_instances", "Reservations", Filters=live)
    except Unanswerable as reason:
        return reason
    instances = (each for reservation in found for each in reservation["Instances"])
    return [
        Instance(
            instance_type=each["InstanceType"],
            capacity=Capacity.SPOT if each.get("InstanceLifecycle") == "spot" else Capacity.ON_DEMAND,
        )
        for each in instances
        if not quotas.is_of(plan, each.get("Tags"))
    ]
