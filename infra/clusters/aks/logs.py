"""Where a control plane's logs go."""

import pulumi
import pulumi_azure_native as azure

from infra.clouds.azure.logs import log_workspace
from infra.clusters.aks.context import AksContext

# https://learn.microsoft.com/azure/aks/monitor-aks-reference#resource-logs; `kube-audit-admin` audits all that changes
# and leaves out the reads, which make up most of `kube-audit` and of its price.
CATEGORIES = (
    "cluster-autoscaler",
    "guard",
    "kube-apiserver",
    "kube-audit-admin",
    "kube-controller-manager",
    "kube-scheduler",
)


class Logs(pulumi.ComponentResource):
    """A Log Analytics workspace that keeps a control plane's logs for as long as the settings say.

    https://learn.microsoft.com/azure/templates/microsoft.insights/diagnosticsettings
    """

    def __init__(
        self,
        name: str,
        context: AksContext,
        cluster_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inference:clusters:AksLogs", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        workspace = log_workspace(
            f"{name}-logs",
            resource_group_name=context.resource_group_name,
            days=context.aks.log_retention_days,
            opts=child,
        )
        azure.monitor.DiagnosticSetting(
            f"{name}-logs",
            resource_uri=cluster_id,
            workspace_id=workspace.id,
            # A table for each category, cheaper to ask than one for all of Azure.
            log_analytics_destination_type="Dedicated",
            logs=[{"category": category, "enabled": True} for category in CATEGORIES],
            opts=child,
        )
        self.register_outputs({"workspaceId": workspace.id})
