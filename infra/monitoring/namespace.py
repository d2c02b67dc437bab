"""The namespace of Prometheus, Alertmanager and Grafana."""

import pulumi

from infra.charts import PodSecurity, release_namespace

NAMESPACE = "monitoring"


class MonitoringNamespace(pulumi.ComponentResource):
    """Made by itself, so that what Alertmanager mounts is there before the chart."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:MonitoringNamespace", name, None, opts)
        # The node exporter reads host paths, which no stricter level allows.
        release_namespace(name, NAMESPACE, self, PodSecurity.PRIVILEGED)
        self.register_outputs({"namespace": NAMESPACE})
