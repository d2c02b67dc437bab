"""The `lambda` block."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.aws import LogRetentionDays
from infra.settings.model import Settings, distinct, unit


class CanarySettings(Settings):
    """The newest version beside one that is known to be good."""

    stable: Annotated[str, Field(pattern=r"^[1-9][0-9]*$")]
    """Published version that keeps the rest of the requests, its number in quotes."""
    percent: Annotated[int, Field(ge=0, le=99), unit("percent")] = 10
    """Share of requests for the newest version; 0 rolls back. To promote it, remove the block."""


class LambdaSettings(Settings):
    """An AWS Lambda function with a URL, on CPU; requests and answers of at most 6 MB."""

    memory_mib: Annotated[int | None, Field(ge=128, le=10240), unit("MiB")] = None
    """Memory, and with it the share of a core; absent means what `python -m inference_app.needs` measured."""
    timeout_seconds: Annotated[int | None, Field(ge=1, le=900), unit("seconds")] = None
    """How long a request may take, a cold start included; absent means what was measured, twice over."""
    ephemeral_storage_mib: Annotated[int, Field(ge=512, le=10240), unit("MiB")] = 512
    """Size of `/tmp`, the only folder that can be written to."""
    reserved_concurrency: Annotated[int | None, Field(ge=1), unit("requests")] = None
    """Most requests at once, kept free for this function; absent means a share of what the account has left."""
    provisioned_concurrency: Annotated[int | None, Field(ge=1), unit("requests")] = None
    """Requests at once that never meet a cold start, paid for around the clock; absent means none."""
    callers: Annotated[
        tuple[Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.+$")], ...],
        AfterValidator(distinct),
    ] = ()
    """IAM role or user ARNs that may call the URL; empty: only whom the account's own policies allow it."""
    canary: CanarySettings | None = None
    """Share of requests for the newest version; absent means all."""
    tracing: bool = False
    """Trace a sample of requests in AWS X-Ray."""
    log_retention_days: LogRetentionDays = 30
    """Days that logs are kept; one of the periods that CloudWatch offers."""

    @model_validator(mode="after")
    def _provisioned_is_reserved(self) -> Self:
        provisioned, reserved = self.provisioned_concurrency, self.reserved_concurrency
        if provisioned and reserved and provisioned > reserved:
            raise ValueError(
                f"provisionedConcurrency must be at most reservedConcurrency, {reserved}, got {provisioned}"
            )
        return self

    @model_validator(mode="after")
    def _a_split_has_nothing_provisioned(self) -> Self:
        if self.provisioned_concurrency and self.canary and self.canary.percent:
            raise ValueError(
                f"canary.percent must be 0 where provisionedConcurrency is set, got {self.canary.percent}: Lambda does "
                "not split what it provisions; remove provisionedConcurrency until the canary is over"
            )
        return self
