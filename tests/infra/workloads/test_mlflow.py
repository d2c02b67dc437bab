from typing import Any

import pulumi

from infra.clusters.cluster import Cluster
from infra.preview import Plan
from infra.stack_images import Images
from infra.workloads.cluster import run_on
from tests.infra.samples import on_cluster, settings

IMAGE = "registry.example.com/team/model-server@sha256:" + "0" * 64


def preview(**changes: Any) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del opts
        given = settings({"mlflow": {"artifacts": {"size": "10Gi"}}, **changes})
        run_on(cluster, given, Images(model=pulumi.Output.from_input(IMAGE)))

    return on_cluster(build)


def clients_of_mlflow(plan: Plan) -> list[str]:
    """The namespaces that its policy lets in."""
    policies = [each for each in plan.resources if each.type.endswith("NetworkPolicy")]
    (policy,) = [each for each in policies if each.inputs["metadata"].get("name") == "mlflow"]
    rules: list[Any] = policy.inputs["spec"].get("ingress", [])
    return [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in rules
        for peer in rule["from"]
    ]


def test_servers_that_pull_what_is_registered_reach_mlflow_and_others_do_not() -> None:
    assert clients_of_mlflow(preview()) == []
    assert clients_of_mlflow(preview(**{"model.source": {"mlflow": "models:/digits@champion"}})) == ["serving"]
