"""One endpoint to ask, as a stack exports it."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from infra.endpoint import EndpointKind


class Target(BaseModel):
    """What `infra.endpoint.Endpoint.exported` said, checked; `name` is its key among the stack's endpoints."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: EndpointKind
    address: Annotated[str, Field(min_length=1)]
    model: Annotated[str, Field(min_length=1)]
    region: str = ""
    inputs: str = ""
    resource_id: str = ""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        at_amazon = self.kind in (EndpointKind.SAGEMAKER, EndpointKind.SAGEMAKER_ASYNC, EndpointKind.LAMBDA)
        if at_amazon and not self.region:
            raise ValueError(f"region is needed by the kind {self.kind}")
        if self.kind is EndpointKind.SAGEMAKER_ASYNC and not self.inputs.startswith("s3://"):
            raise ValueError(f"inputs must be s3://bucket/prefix, got {self.inputs!r}")
        by_name = (EndpointKind.SAGEMAKER, EndpointKind.SAGEMAKER_ASYNC)
        if self.kind not in by_name and not self.address.startswith(("http://", "https://")):
            raise ValueError(f"address must be an http:// or https:// URL, got {self.address!r}")
        return self
