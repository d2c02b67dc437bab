"""Where what runs in Azure keeps its logs."""

import pulumi
import pulumi_azure_native as azure


def log_workspace(
    name: str, *, resource_group_name: pulumi.Input[str], days: int, opts: pulumi.ResourceOptions | None = None
) -> azure.operationalinsights.Workspace:
    """Make a Log Analytics workspace that keeps logs for `days`, 30 to 730.

    https://learn.microsoft.com/azure/templates/microsoft.operationalinsights/workspaces
    """
    return azure.operationalinsights.Workspace(
        name,
        resource_group_name=resource_group_name,
        sku={"name": azure.operationalinsights.WorkspaceSkuNameEnum.PER_GB2018},
        retention_in_days=days,
        opts=opts,
    )
