"""Amazon's SDK as the smoke run uses it: no retries of its own, and waits that end with the run."""

import importlib
from typing import Any

from infra.smoke.deadline import Deadline
from infra.smoke.errors import ColdStart, Failure
from infra.smoke.http import PAUSE, words

# boto3 and botocore ship no type information, so their objects are untyped here and nowhere else.

COLD = ("ModelNotReadyException", "ServiceUnavailable", "ThrottlingException")
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html#API_runtime_InvokeEndpoint_Errors"""

CREDENTIALS = "sign in (`aws sso login`) or set AWS_PROFILE, with an account that may call it"


def config(deadline: Deadline) -> Any:
    """A client's configuration: one attempt, as long as the run lasts."""
    make: Any = importlib.import_module("botocore.config").Config
    seconds = deadline.remaining()
    return make(connect_timeout=min(10.0, seconds), read_timeout=seconds, retries={"total_max_attempts": 1})


def session(region: str) -> Any:
    """A session with the user's own credentials."""
    return importlib.import_module("boto3").Session(region_name=region)


def errors() -> tuple[type[Exception], ...]:
    """What a call may raise: the service's errors, and those on the way to it."""
    exceptions: Any = importlib.import_module("botocore.exceptions")
    return exceptions.ClientError, exceptions.BotoCoreError, exceptions.HTTPClientError


def failure(asked: str, error: Exception) -> Failure:
    """What a call's error means; `ColdStart` where another try is worth it."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    code = response.get("Error", {}).get("Code", type(error).__name__)
    status = response.get("OriginalStatusCode")
    if code == "ModelError":
        return _of_container(asked, status, words(response.get("OriginalMessage", "").encode()))
    came = f"{code}, {response.get('Error', {}).get('Message') or error}"
    if code in COLD:
        return ColdStart(asked, came, PAUSE)
    return Failure(asked, came, _advice(code))


def _of_container(asked: str, status: int | None, said: str) -> Failure:
    came = f"the container answered with status {status}, {said}"
    if status in (429, 503):
        return ColdStart(asked, came, PAUSE)
    return Failure(asked, came, "read the endpoint's log group")


def _advice(code: str) -> str:
    if "Credentials" in code or "Token" in code or "SSO" in code:
        return CREDENTIALS
    if "AccessDenied" in code:
        return "the caller's role lacks the permission that the message names"
    if code in ("ConnectTimeoutError", "EndpointConnectionError"):
        return "this machine does not reach the service: check the region, the proxy, the VPC endpoint's policy"
    if code == "ReadTimeoutError":
        return "give it longer with --timeout, or read the endpoint's log group"
    return "check with `aws sagemaker describe-endpoint` that it is there and InService"
