"""What machines cost: pools of nodes and endpoints with machines of their own."""

from dataclasses import dataclass

from infra.cost.prices import HOURS, Cloud, MachinePrice, PriceTable
from infra.cost.row import Part, Range, Row
from infra.cost.volumes import disk_size, gib
from infra.machines import Capacity, Machines, Service
from infra.preview.plan import Plan, Resource
from infra.settings.prices import Prices

LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
OWN = "own"
"""The source of a price that the stack file has."""

AKS_DISK_GIB = 128
"""What AKS gives nodes of up to 7 processors whose pool names no size.

https://learn.microsoft.com/azure/aks/concepts-storage#default-os-disk-sizing
"""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The table's prices in one region, those of the stack file before them."""

    table: PriceTable
    regions: dict[Cloud, str]
    own: Prices

    def machine(self, cloud: Cloud, name: str) -> MachinePrice | None:
        """What a machine costs an hour; None where nobody said."""
        if own := self.own.get(name):
            return MachinePrice(on_demand=own.on_demand, spot=(own.spot, own.spot), source=OWN)
        return self.table.machine(cloud, self.regions.get(cloud, ""), name)


def machine_row(found: Machines, rates: Rates, plan: Plan, average_minimum: float) -> Row:
    """Price a pool or an endpoint, `average_minimum` being its fewest machines on average over a week.

    The lower bound takes the cheapest of its types, spot at its lowest, and the upper one the dearest at its highest.
    A spot machine whose price nobody looked up counts as on demand, which it never exceeds.
    """
    cloud = Cloud.AWS if found.in_aws else Cloud.AZURE
    prices = {name: rates.machine(cloud, name) for name in found.instance_types}
    known = [price for price in prices.values() if price]
    disk, disk_missing = _disk(found, rates, plan, cloud)
    counts = Range(minimum=average_minimum, maximum=found.maximum)
    spot = found.capacity is Capacity.SPOT
    region = rates.regions.get(cloud, "no region")
    missing = [f"{name} in {region}" for name, price in prices.items() if price is None]
    return Row(
        part=Part.ENDPOINTS if found.service in {Service.SAGEMAKER, Service.AZURE_ML} else Part.POOLS,
        cloud=cloud,
        name=f"{found.service} {found.name}",
        detail=f"{_count(counts)} {_capacity(found, known)}: {', '.join(found.instance_types)}",
        cost=_cost(counts, [_hourly(price) if spot else _on_demand(price) for price in known], disk),
        on_demand=_cost(counts, [_on_demand(price) for price in known], disk),
        sources=tuple(dict.fromkeys(price.source for price in known)),
        missing=(*missing, *disk_missing),
    )


def _capacity(found: Machines, prices: list[MachinePrice]) -> str:
    guessed = found.capacity is Capacity.SPOT and any(price.spot is None for price in prices)
    return "spot at on-demand prices" if guessed else found.capacity


def _on_demand(price: MachinePrice) -> tuple[float, float]:
    return price.on_demand, price.on_demand


def _hourly(price: MachinePrice) -> tuple[float, float]:
    return price.spot or _on_demand(price)


def _cost(counts: Range, hourly: list[tuple[float, float]], disk: float) -> Range:
    lowest = min((low for low, _ in hourly), default=0) * HOURS + disk
    highest = max((high for _, high in hourly), default=0) * HOURS + disk
    return Range(minimum=counts.minimum * lowest, maximum=counts.maximum * highest)


def _count(counts: Range) -> str:
    least, most = f"{counts.minimum:.3g}", f"{counts.maximum:g}"
    return least if least == most else f"{least} to {most}"


def _disk(found: Machines, rates: Rates, plan: Plan, cloud: Cloud) -> tuple[float, tuple[str, ...]]:
    """What one node's disk costs a month, and what of it has no price."""
    item, quantity = _root_disk(found, plan)
    if not quantity:
        return 0, ()
    region = rates.regions.get(cloud, "")
    price = rates.table.item(cloud, region, item)
    return (price.monthly * quantity, ()) if price else (0, (f"{item} in {region}",))


def _root_disk(found: Machines, plan: Plan) -> tuple[str, float]:
    """What the disk that a node boots from is billed as; of AKS at most, since it may take the machine's own."""
    inputs = found.resource.inputs
    if found.service is Service.EKS:
        template = inputs["launchTemplate"]["id"].removeprefix("${").partition(".id:")[0]
        devices = plan.one(LAUNCH_TEMPLATE, template).inputs["blockDeviceMappings"]
        return "gp3 volumes", sum(device["ebs"]["volumeSize"] for device in devices)
    if found.service is Service.KARPENTER:
        devices = _node_class(found.resource, plan).inputs["spec"]["blockDeviceMappings"]
        return "gp3 volumes", sum(gib(device["ebs"]["volumeSize"]) for device in devices)
    if found.service is Service.AKS:
        return disk_size("P", inputs.get("osDiskSizeGB") or AKS_DISK_GIB), 1
    return "", 0


def _node_class(pool: Resource, plan: Plan) -> Resource:
    name = pool.inputs["spec"]["template"]["spec"]["nodeClassRef"]["name"]
    classes = [each for each in plan.of_type(NODE_CLASS) if each.provider == pool.provider]
    return next(each for each in classes if each.inputs["metadata"]["name"] == name)
