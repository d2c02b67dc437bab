"""Where lines of pods are kept: Log Analytics, which AKS's own agent brings them to."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.containerservice import ManagedClusterAddonProfileArgsDict

from infra.clouds.azure.logs import log_workspace
from infra.clusters.aks.context import AksContext
from infra.settings.logs import CloudLogSettings, LogSettings

ADDON = "omsagent"
STREAM, DESTINATION = "Microsoft-ContainerLogV2", "kept"
"""Lines alone: events, inventory and figures of pods are Prometheus's here, and Azure bills every gigabyte."""

EXTENSION = "ContainerInsightsExtension"
"""The name that the agent looks for, of the association as of the source."""

NO_AGENT: ManagedClusterAddonProfileArgsDict = {"enabled": False}
"""Said, since Azure leaves an add-on as it is that nobody speaks of."""


class PodLogs(pulumi.ComponentResource):
    """A Log Analytics workspace and the rule that says what comes to it, as the table ContainerLogV2.

    The agent is Azure's add-on, and writes with an identity of its own. Fluent Bit would need an application's secret:
    its output for Azure Monitor takes no workload identity (https://github.com/fluent/fluent-bit/issues/10777).
    https://learn.microsoft.com/azure/azure-monitor/containers/kubernetes-monitoring-enable
    """

    addon: ManagedClusterAddonProfileArgsDict

    def __init__(
        self,
        name: str,
        context: AksContext,
        settings: LogSettings,
        cloud: CloudLogSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inference:clusters:AksPodLogs", name, None, opts)
        self._name, self._child = name, pulumi.ResourceOptions(parent=self)
        workspace = log_workspace(
            name, resource_group_name=context.resource_group_name, days=cloud.retention_days, opts=self._child
        )
        self._rule = azure.monitor.DataCollectionRule(
            name,
            resource_group_name=context.resource_group_name,
            kind=azure.monitor.KnownDataCollectionRuleResourceKind.LINUX,
            data_sources={
                "extensions": [
                    {
                        "name": EXTENSION,
                        "extension_name": "ContainerInsights",
                        "streams": [STREAM],
                        "extension_settings": collection(settings),
                    }
                ]
            },
            destinations={"log_analytics": [{"name": DESTINATION, "workspace_resource_id": workspace.id}]},
            data_flows=[{"streams": [STREAM], "destinations": [DESTINATION]}],
            opts=self._child,
        )
        self.addon = {
            "enabled": True,
            "config": {"logAnalyticsWorkspaceResourceID": workspace.id, "useAADAuth": "true"},
        }
        self.register_outputs({"workspaceId": workspace.id})

    def collect(self, cluster_id: pulumi.Input[str]) -> None:
        """Make the rule the cluster's."""
        azure.monitor.DataCollectionRuleAssociation(
            self._name,
            association_name=EXTENSION,
            resource_uri=cluster_id,
            data_collection_rule_id=self._rule.id,
            opts=self._child,
        )


def collection(settings: LogSettings) -> Mapping[str, Any]:
    """Whose lines (https://learn.microsoft.com/azure/azure-monitor/containers/container-insights-data-collection-configure)."""
    whose: Mapping[str, Any] = (
        {"namespaceFilteringMode": "Include", "namespaces": list(settings.namespaces)}
        if settings.namespaces
        else {"namespaceFilteringMode": "Off"}
    )
    return {"dataCollectionSettings": {"interval": "1m", "enableContainerLogV2": True, **whose}}
