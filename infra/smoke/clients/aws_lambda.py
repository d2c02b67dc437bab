"""A Lambda function behind its URL, asked with a request signed for the service `lambda`.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import importlib
from typing import Any

from infra.smoke import aws, open_inference
from infra.smoke.client import Answer, Say
from infra.smoke.deadline import Deadline
from infra.smoke.errors import Failure
from infra.smoke.golden import Golden
from infra.smoke.http import post
from infra.smoke.target import Target

ADVICE = {
    # https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    403: "the caller needs lambda:InvokeFunctionUrl and lambda:InvokeFunction; name its role in the lambda block",
    502: "the function failed to start or ended with an error: read its log group",
    504: "the function took longer than its timeout",
}


class LambdaClient:
    """Signs with the user's own credentials."""

    def __init__(self, target: Target, say: Say) -> None:
        del say
        self._url = target.address.rstrip("/") + open_inference.path(target.model)
        self._region = target.region

    def ask(self, golden: Golden, deadline: Deadline) -> Answer:
        """One inference; raises `Failure` or `ColdStart`."""
        body = open_inference.request(golden)
        headers = self._signed(body)
        reply = post(self._url, body, headers, deadline, "check the region's network and that the function has a URL")
        return open_inference.answer(reply, ADVICE)

    def _signed(self, body: bytes) -> dict[str, str]:
        """The request's headers with its signature, which is good for minutes."""
        auth: Any = importlib.import_module("botocore.auth")
        request: Any = importlib.import_module("botocore.awsrequest").AWSRequest(
            "POST", self._url, dict(open_inference.HEADERS), body
        )
        asked = f"POST {self._url}"
        try:
            credentials = aws.session(self._region).get_credentials()
        except aws.errors() as error:
            raise aws.failure(asked, error) from None
        if credentials is None:
            raise Failure(asked, "there are no AWS credentials to sign it with", aws.CREDENTIALS)
        auth.SigV4Auth(credentials, "lambda", self._region).add_auth(request)
        return dict(request.headers)
