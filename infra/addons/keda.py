"""KEDA: scales pods by what Prometheus counts and by the time of day (https://keda.sh)."""

from dataclasses import dataclass
from typing import Any

import pulumi

from infra.charts import release, release_namespace

NAMESPACE = "keda"


@dataclass(frozen=True, kw_only=True)
class KedaArgs:
    """Where the chart comes from."""

    chart_mirror: str | None = None


class Keda(pulumi.ComponentResource):
    """The operator, its metrics server and its admission webhook."""

    def __init__(self, name: str, args: KedaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:Keda", name, None, opts)
        namespace = release_namespace(name, NAMESPACE, self)
        release(
            name,
            "keda",
            namespace=NAMESPACE,
            values=values(),
            mirror=args.chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        self.register_outputs({"namespace": NAMESPACE})


def values() -> dict[str, Any]:
    """The chart's values (https://github.com/kedacore/charts/blob/main/keda/README.md)."""
    return {
        "image": {"pullPolicy": "IfNotPresent"},
        # By default it may read every object of the cluster and scale any; Deployments need no such right.
        "rbac": {"enabledCustomScaledRefKinds": False},
        # Neither the use of CPU and memory, nor the stack's Prometheus, nor the time of day needs credentials.
        "permissions": {"operator": {"restrict": {"secret": True}}},
    }
