"""An asynchronous SageMaker endpoint: the input goes to S3, the answer or the failure appears there.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-invoke-endpoint.html
"""

import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from infra.smoke import aws, invocations
from infra.smoke.client import Answer, Say
from infra.smoke.clients.sagemaker import connected, endpoint
from infra.smoke.deadline import Deadline
from infra.smoke.errors import Failure
from infra.smoke.golden import Golden
from infra.smoke.http import words
from infra.smoke.target import Target

POLL, TELL = 0.5, 15.0
"""Seconds between two looks into S3, and between two words about it."""

NOT_THERE = ("NoSuchKey", "404", "AccessDenied", "403")
"""Without s3:ListBucket an absent object looks forbidden
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax)."""


class S3Object(NamedTuple):
    """Where something lies in S3."""

    bucket: str
    key: str

    @classmethod
    def at(cls, uri: str) -> "S3Object":
        """From `s3://bucket/key`."""
        parts = urlsplit(uri)
        return cls(parts.netloc, parts.path.strip("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class SageMakerAsyncClient:
    """Uploads, invokes, waits, and removes what it uploaded."""

    def __init__(self, target: Target, say: Say) -> None:
        self._endpoint = endpoint(target.address)
        self._region = target.region
        self._inputs = target.inputs
        self._asked = f"InvokeEndpointAsync {target.address} in {target.region}"
        self._say = say

    def ask(self, golden: Golden, deadline: Deadline) -> Answer:
        """One inference, which may wait for an instance first; raises `Failure` or `ColdStart`."""
        body, accept = invocations.invocation(golden, self._asked)
        try:
            place = connected(self._endpoint, self._region, deadline)
            s3 = place["session"].client("s3")
            started = time.perf_counter()
            with self._uploaded(s3, body) as source:
                given = self._endpoint.invoke_async(
                    input_location=str(source), content_type=invocations.JSON, accept=accept, **place
                )
                content = self._awaited(s3, given, deadline)
        except aws.errors() as error:
            raise aws.failure(self._asked, error) from None
        return invocations.answer(content, golden, self._asked, time.perf_counter() - started)

    @contextmanager
    def _uploaded(self, s3: Any, body: bytes) -> Generator[S3Object]:
        folder = S3Object.at(self._inputs)
        source = S3Object(folder.bucket, f"{folder.key}/smoke-{uuid.uuid4()}.json".lstrip("/"))
        s3.put_object(Bucket=source.bucket, Key=source.key, Body=body, ContentType=invocations.JSON)
        try:
            yield source
        finally:
            self._delete(s3, source)

    def _delete(self, s3: Any, source: S3Object) -> None:
        try:
            s3.delete_object(Bucket=source.bucket, Key=source.key)
        except aws.errors() as error:
            self._say(f"{source} could not be deleted ({error}); the bucket's lifecycle will")

    def _awaited(self, s3: Any, given: Any, deadline: Deadline) -> bytes:
        output, failed = S3Object.at(given.output_location), S3Object.at(given.failure_location)
        started = told = time.monotonic()
        while deadline.allows(POLL):
            content = _content(s3, output)
            if content is not None:
                return content
            reason = _content(s3, failed)
            if reason is not None:
                came = f"the invocation failed: {words(reason)}"
                raise Failure(self._asked, came, "read the endpoint's log group")
            if time.monotonic() - told > TELL:
                told = time.monotonic()
                self._say(f"{self._asked}: {told - started:.0f} s, nothing at {output} yet")
            deadline.pause(POLL)
        raise Failure(
            self._asked,
            f"nothing at {output} nor at {failed} after {time.monotonic() - started:.0f} s",
            "scaled to zero it needs minutes for an instance: give it --timeout 900; you need s3:GetObject on both",
        )


def _content(s3: Any, place: S3Object) -> bytes | None:
    try:
        return s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    except aws.errors() as error:
        if getattr(error, "response", {}).get("Error", {}).get("Code") in NOT_THERE:
            return None
        raise
