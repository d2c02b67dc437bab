"""KServe: runs InferenceServices (https://kserve.github.io/website/)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.charts import release, release_namespace

NAMESPACE = "kserve"
DEFINITIONS, CONTROLLER, RUNTIMES = "kserve-crd", "kserve-resources", "kserve-runtime-configs"


@dataclass(frozen=True, kw_only=True)
class KServeArgs:
    """`after` brings cert-manager; with `runtimes` KServe's own serving runtimes are installed too."""

    runtimes: bool = False
    chart_mirror: str | None = None
    after: Sequence[pulumi.Resource] = ()


class KServe(pulumi.ComponentResource):
    """The definitions, the controller with its webhooks, and the serving runtimes where they are asked for."""

    def __init__(self, name: str, args: KServeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:KServe", name, None, opts)
        self._name, self._mirror = name, args.chart_mirror
        namespace = release_namespace(name, NAMESPACE, self)
        definitions = self._release(DEFINITIONS, {}, [namespace])
        # Its webhooks get their certificate from cert-manager.
        controller = self._release(CONTROLLER, values(), [definitions, *args.after])
        if args.runtimes:
            self._release(RUNTIMES, {"kserve": {"servingruntime": {"enabled": True}}}, [controller])
        self.register_outputs({"namespace": NAMESPACE})

    def _release(self, chart: str, values: Mapping[str, Any], after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        return release(
            f"{self._name}-{chart}",
            chart,
            namespace=NAMESPACE,
            values=values,
            mirror=self._mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )


def values() -> Mapping[str, Any]:
    """The controller chart's values (https://github.com/kserve/kserve/blob/v0.20.0/charts/kserve-resources/values.yaml)."""
    return {
        "kserve": {
            "controller": {
                "deploymentMode": "Standard",
                "imagePullPolicy": "IfNotPresent",
                # Its URLs are the stack's Service and gateway.
                "gateway": {"disableIngressCreation": True, "disableIstioVirtualHost": True},
            },
            # By default every container without one gets a limit of one CPU, which throttles.
            "inferenceservice": {"resources": {"limits": {"cpu": ""}}},
        }
    }
