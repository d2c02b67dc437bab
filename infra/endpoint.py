"""Where a model is served: what a stack exports of each of its endpoints, and what asks them needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import pulumi


class EndpointKind(StrEnum):
    """How an endpoint is asked."""

    HTTP = "http"
    """`POST <address>/v2/models/<model>/infer`, by whoever the network lets through."""
    SAGEMAKER = "sagemaker"
    """InvokeEndpoint of the endpoint named `address`, real-time or serverless."""
    SAGEMAKER_ASYNC = "sagemaker-async"
    """InvokeEndpointAsync of the endpoint named `address`, with the input below `inputs`."""
    LAMBDA = "lambda"
    """A function URL, signed with SigV4 for the service `lambda`."""
    AZURE_ML = "azure-ml"
    """A scoring address, with a token of Microsoft Entra ID or of the endpoint `resource_id`."""
    TENSORFLOW_SERVING = "tensorflow-serving"
    """`POST <address>/v1/models/<model>:predict`, by whoever the network lets through."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint: `address` is a URL or a name, `region` an AWS region, `inputs` an `s3://bucket/prefix`.

    `resource_id` is the Azure resource that hands out tokens, where Microsoft Entra's own are not taken.
    """

    kind: EndpointKind
    address: pulumi.Input[str]
    model: str
    region: str | None = None
    inputs: pulumi.Input[str] | None = None
    resource_id: pulumi.Input[str] | None = None

    def exported(self) -> Mapping[str, Any]:
        """What `pulumi stack output` shows of it; what it has not is left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}
