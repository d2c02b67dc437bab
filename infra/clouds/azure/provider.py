"""The Azure provider of a stack, and the tags of all that it makes."""

from collections.abc import Mapping
from typing import cast

import pulumi
import pulumi_azure_native as azure

from infra.settings.azure import AzureSettings


def azure_options(settings: AzureSettings, tags: Mapping[str, str]) -> pulumi.ResourceOptions:
    """Options under which components, and all below them, are made in one subscription and location, and tagged.

    The provider asks Entra for a token of this tenant and addresses this subscription only: credentials of another
    tenant are refused, whatever the Azure CLI has selected
    (https://www.pulumi.com/registry/packages/azure-native/installation-configuration/).
    """
    provider = azure.Provider(
        "azure",
        subscription_id=settings.subscription_id,
        tenant_id=settings.tenant_id,
        location=settings.location,
    )
    # This provider has no default tags; children inherit transformations from their parents.
    return pulumi.ResourceOptions(providers=[provider], transformations=[tagged(tags)])


def tagged(tags: Mapping[str, str]) -> pulumi.ResourceTransformation:
    """Give every Azure resource that can have tags these, beside its own."""

    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not args.type_.startswith("azure-native:") or "tags" not in args.props:
            return None
        own = cast("Mapping[str, str]", args.props["tags"] or {})
        return pulumi.ResourceTransformationResult({**args.props, "tags": {**tags, **own}}, args.opts)

    return transform
