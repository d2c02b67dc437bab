from datetime import date
from typing import Any

import pytest

from infra.cost.difference import difference
from infra.cost.estimate import Estimate, estimate
from infra.cost.prices import Cloud, ItemPrice, MachinePrice, Per, PriceTable, Source
from infra.cost.row import Part, Range, Row
from infra.cost.terms import Terms
from infra.preview import Plan, Resource
from infra.settings.budget import BudgetSettings
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.prices import PriceSettings

TABLE = PriceTable(
    date=date(2026, 1, 31),
    sources={"list": Source(link="https://prices.example.com", observed="2026-01-31")},
    machines={
        Cloud.AWS: {
            "eu-west-1": {
                "g5.xlarge": MachinePrice(on_demand=1.0, spot=(0.4, 0.6), source="list"),
                "g4dn.xlarge": MachinePrice(on_demand=0.5, spot=(0.2, 0.3), source="list"),
                "ml.g5.xlarge": MachinePrice(on_demand=2.0, source="list"),
            }
        },
        Cloud.AZURE: {"northeurope": {"Standard_T4": MachinePrice(on_demand=0.25, source="list")}},
    },
    items={
        Cloud.AWS: {
            "everywhere": {"EKS control plane": ItemPrice(price=0.1, per=Per.HOUR, source="list")},
            "eu-west-1": {
                "gp3 volumes": ItemPrice(price=0.1, per=Per.GIB_MONTH, source="list"),
                "interface endpoint": ItemPrice(price=0.01, per=Per.HOUR, source="list"),
            },
        },
        Cloud.AZURE: {"northeurope": {"disk P10": ItemPrice(price=20, per=Per.MONTH, source="list")}},
    },
)
AWS = "urn:pulumi:test::platform::pulumi:providers:aws::aws"
EKS = "urn:pulumi:test::platform::pulumi:providers:kubernetes::eks"


def resource(kind: str, name: str, inputs: dict[str, Any], provider: str | None = None) -> Resource:
    return Resource(
        urn=f"urn:pulumi:test::platform::{kind}::{name}",
        type=kind,
        name=name,
        parent=None,
        provider=provider,
        custom=True,
        inputs=inputs,
        outputs={},
        dependencies=[],
        property_dependencies={},
    )


def plan(*resources: Resource) -> Plan:
    providers = [
        resource("pulumi:providers:aws", "aws", {"region": "eu-west-1"}),
        resource("pulumi:providers:azure-native", "azure", {"location": "northeurope"}),
    ]
    return Plan(project="platform", stack="test", resources=[*providers, *resources], exports={})


def group(capacity: str = "SPOT", least: int = 1, most: int = 3, types: tuple[str, ...] = ("g5.xlarge",)) -> Plan:
    """A node group whose nodes boot from 50 GiB each."""
    template = resource(
        "aws:ec2/launchTemplate:LaunchTemplate", "gpu", {"blockDeviceMappings": [{"ebs": {"volumeSize": 50}}]}
    )
    inputs = {
        "scalingConfig": {"minSize": least, "desiredSize": most},
        "instanceTypes": list(types),
        "capacityType": capacity,
        "launchTemplate": {"id": "${gpu.id: string}"},
    }
    return plan(template, resource("aws:eks/nodeGroup:NodeGroup", "gpu", inputs))


def priced(found: Plan, **terms: Any) -> Estimate:
    return estimate(found, TABLE, Terms(**terms))


def only(found: Estimate, part: Part) -> Row:
    (row,) = found.of(part)
    return row


def cents(cost: Range) -> tuple[float, float]:
    return round(cost.minimum, 2), round(cost.maximum, 2)


def test_what_is_there_all_month_is_its_price_times_730_hours() -> None:
    endpoint = {"vpcEndpointType": "Interface", "subnetIds": ["a", "b", "c"]}
    found = priced(
        plan(
            resource("aws:eks/cluster:Cluster", "eks", {}),
            resource("aws:ec2/vpcEndpoint:VpcEndpoint", "sts", endpoint),
            resource("aws:ec2/vpcEndpoint:VpcEndpoint", "s3", {"vpcEndpointType": "Gateway"}),
        )
    )

    assert {row.name: cents(row.cost) for row in found.rows} == {
        "AWS EKS control plane": (73, 73),  # 0.1 x 730
        "AWS interface endpoint": (21.9, 21.9),  # 3 zones x 0.01 x 730
    }
    assert cents(found.total) == (94.9, 94.9)


def test_a_spot_pool_lies_between_its_cheapest_and_its_dearest_machine() -> None:
    row = only(priced(group(types=("g5.xlarge", "g4dn.xlarge"))), Part.POOLS)

    assert cents(row.cost) == (151, 1329)  # 1 x (0.2 x 730 + 50 x 0.1), 3 x (0.6 x 730 + 5)
    assert cents(row.on_demand) == (370, 2205)  # 1 x (0.5 x 730 + 5), 3 x (1.0 x 730 + 5)
    assert row.detail == "1 to 3 spot: g5.xlarge, g4dn.xlarge"


def test_nodes_that_stay_cost_the_same_on_any_terms() -> None:
    row = only(priced(group("ON_DEMAND")), Part.POOLS)

    assert row.cost == row.on_demand
    assert cents(row.cost) == (735, 2205)


def test_the_stack_files_own_price_comes_before_the_tables() -> None:
    own = {"g5.xlarge": PriceSettings.model_validate({"spot": 0.1, "onDemand": 0.9})}
    row = only(priced(group(least=2, most=2), prices=own), Part.POOLS)

    assert cents(row.cost) == (156, 156)  # 2 x (0.1 x 730 + 5)
    assert row.sources == ("own",)


def test_a_spot_machine_without_a_spot_price_counts_as_on_demand() -> None:
    pool = {
        "vmSize": "Standard_T4",
        "scaleSetPriority": "Spot",
        "enableAutoScaling": True,
        "minCount": 0,
        "maxCount": 2,
    }
    row = only(priced(plan(resource("azure-native:containerservice:AgentPool", "t4", pool))), Part.POOLS)

    assert cents(row.cost) == (0, 405)  # 2 x (0.25 x 730 + 20)
    assert row.detail == "0 to 2 spot at on-demand prices: Standard_T4"


def test_what_has_no_price_is_said_and_not_guessed() -> None:
    pools = priced(group(types=("p5.48xlarge", "g5.xlarge")))
    gateway = priced(plan(resource("aws:ec2/natGateway:NatGateway", "nat", {})))

    assert pools.missing == ["p5.48xlarge in eu-west-1"]
    assert cents(pools.total) == (297, 1329)  # g5.xlarge alone: 1 x (0.4 x 730 + 5), 3 x (0.6 x 730 + 5)
    assert gateway.missing == ["NAT gateway in eu-west-1"]
    assert cents(gateway.total) == (0, 0)


def test_a_group_whose_nodes_are_all_karpenters_has_no_row() -> None:
    assert list(priced(group(most=0, least=0)).rows) == []


def test_what_nobody_said_the_cost_of_is_named() -> None:
    assert priced(plan(resource("aws:redshift/cluster:Cluster", "new", {}))).unknown == ["aws:redshift/cluster:Cluster"]


def test_the_minimum_follows_office_hours() -> None:
    config = {"productionVariants": [{"instanceType": "ml.g5.xlarge", "initialInstanceCount": 2}]}
    target = {"resourceId": "endpoint/e/variant/v", "minCapacity": 2, "maxCapacity": 4}
    ends, starts = ({"resourceId": target["resourceId"], "scalableTargetAction": {"minCapacity": n}} for n in (1, 2))
    action = "aws:appautoscaling/scheduledAction:ScheduledAction"
    scheduled = plan(
        resource("aws:sagemaker/endpointConfiguration:EndpointConfiguration", "e", config),
        resource("aws:appautoscaling/target:Target", "e", target),
        resource(action, "e-end", ends),
        resource(action, "e-start", starts),
    )
    hours = OfficeHoursSettings.model_validate(
        {"timeZone": "UTC", "start": "08:00", "end": "16:24"}
    )  # 5 x 8.4 = 42 of 168 hours: a quarter

    assert cents(only(priced(scheduled), Part.ENDPOINTS).cost) == (2920, 5840)  # 2 x 2.0 x 730, 4 x 2.0 x 730
    assert cents(only(priced(scheduled, office_hours=hours), Part.ENDPOINTS).cost) == (1825, 5840)  # 1.25 x 2.0 x 730


def test_volumes_are_those_of_claims_sets_and_charts() -> None:
    def spec(size: str) -> dict[str, Any]:
        return {"storageClassName": "gp3", "resources": {"requests": {"storage": size}}}

    found = priced(
        plan(
            resource("aws:eks/cluster:Cluster", "eks", {}),
            resource("kubernetes:core/v1:PersistentVolumeClaim", "claim", {"spec": spec("50Gi")}, EKS),
            resource(
                "kubernetes:apps/v1:StatefulSet",
                "set",
                {"spec": {"replicas": 2, "volumeClaimTemplates": [{"spec": spec("512Mi")}]}},
                EKS,
            ),
            resource(
                "kubernetes:helm.sh/v3:Release",
                "chart",
                {"values": {"store": {"volumeClaimTemplate": {"spec": spec("1Ti")}}}},
                EKS,
            ),
            resource("kubernetes:core/v1:PersistentVolumeClaim", "elsewhere", {"spec": spec("9Ti")}),
        )
    )
    (row,) = (row for row in found.rows if row.name == "AWS gp3 volumes")

    assert cents(row.cost) == (107.5, 107.5)  # (50 + 2 x 0.5 + 1024) GiB x 0.1


def test_the_difference_names_the_pool_that_grew_and_no_other() -> None:
    before, after = priced(group(most=2)), priced(group(most=3))
    (change,) = difference(before, after)

    assert change.name == "EKS gpu"
    assert cents(change.before) == (297, 886)  # 2 x (0.6 x 730 + 5)
    assert cents(change.after) == (297, 1329)
    assert difference(before, before) == []


def test_what_is_new_or_gone_is_a_difference() -> None:
    with_cluster = priced(plan(resource("aws:eks/cluster:Cluster", "eks", {})))

    assert [cents(change.after) for change in difference(priced(plan()), with_cluster)] == [(73, 73)]
    assert [cents(change.after) for change in difference(with_cluster, priced(plan()))] == [(0, 0)]


def test_a_budget_is_its_clouds() -> None:
    found = priced(group(), budget=BudgetSettings.model_validate({"awsMonthlyUsd": 100, "azureMonthlyUsd": 50}))

    assert found.budgets == {Cloud.AWS: 100, Cloud.AZURE: 50}
    assert cents(found.in_cloud(Cloud.AWS)) == (297, 1329)
    assert cents(found.in_cloud(Cloud.AZURE)) == (0, 0)


def test_a_table_without_the_source_of_a_price_is_refused() -> None:
    document = TABLE.model_dump(mode="json", by_alias=True)
    document["items"]["aws"]["everywhere"]["EKS control plane"]["source"] = "hearsay"

    with pytest.raises(ValueError, match="EKS control plane in everywhere must have one of sources, got hearsay"):
        PriceTable.model_validate(document, strict=False)
