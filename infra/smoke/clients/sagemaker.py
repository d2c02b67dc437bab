"""A SageMaker endpoint, real-time or serverless, asked through the SageMaker SDK.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-test-endpoints.html
"""

import importlib
import time
import warnings
from typing import Any

from infra.smoke import aws, invocations
from infra.smoke.client import Answer, Say
from infra.smoke.deadline import Deadline
from infra.smoke.golden import Golden
from infra.smoke.target import Target


def endpoint(name: str) -> Any:
    """The SDK's own; importing it takes seconds, so that happens when a client is made, before the time runs."""
    with warnings.catch_warnings():  # about its own source text, from Python 3.12 on
        warnings.simplefilter("ignore")
        return importlib.import_module("sagemaker.core.resources").Endpoint(endpoint_name=name)


def connected(endpoint: Any, region: str, deadline: Deadline) -> dict[str, Any]:
    """Where to call: a region, and a session whose clients end with the run.

    Left alone the SDK makes ten attempts of a minute each. It keeps the clients that it makes here for the call.
    """
    session = aws.session(region)
    make, limits = session.client, aws.config(deadline)

    def client(service: str, region: str | None = None, config: Any = None, **more: Any) -> Any:
        return make(service, region, config=config.merge(limits) if config else limits, **more)

    session.client = client
    endpoint.get_sagemaker_client(session=session, region_name=region, service_name="sagemaker-runtime")
    return {"session": session, "region": region}


class SageMakerClient:
    """Invokes the endpoint with the user's own credentials."""

    def __init__(self, target: Target, say: Say) -> None:
        del say
        self._endpoint = endpoint(target.address)
        self._region = target.region
        self._asked = f"InvokeEndpoint {target.address} in {target.region}"

    def ask(self, golden: Golden, deadline: Deadline) -> Answer:
        """One inference; raises `Failure` or `ColdStart`."""
        body, accept = invocations.invocation(golden, self._asked)
        try:
            place = connected(self._endpoint, self._region, deadline)
            started = time.perf_counter()
            given = self._endpoint.invoke(body=body, content_type=invocations.JSON, accept=accept, **place)
            content: bytes = given.body.read()
        except aws.errors() as error:
            raise aws.failure(self._asked, error) from None
        seconds = time.perf_counter() - started
        return invocations.answer(content, golden, self._asked, seconds)
