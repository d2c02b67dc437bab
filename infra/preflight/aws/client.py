"""Amazon's SDK, to read with and nothing else."""

import importlib
import re
import threading
from typing import Any, NoReturn

from infra.preflight.errors import Absent, NotSignedIn, Unanswerable
from infra.smoke.aws import errors, session

# boto3 and botocore ship no type information, so their objects are untyped here and nowhere else.

READS = re.compile(r"(get|list|describe|simulate)_")
"""How the operations begin that change nothing."""

SIGN_IN = "sign in (`aws sso login`) or set AWS_PROFILE, to the account of the stack's `aws.accountId`"
NOT_SIGNED_IN = re.compile(r"Credential|Token|SSO|ProfileNotFound|UnrecognizedClient|AuthFailure|SignatureDoesNotMatch")
DENIED = re.compile(r"AccessDenied|UnauthorizedOperation|NotAuthorized")
ABSENT = re.compile(r"NoSuch|NotFound")


class Aws:
    """One account in one region, read with the user's own credentials."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def ask(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call, tried again where the service is busy; raises `Unanswerable` of the kind that fits."""
        try:
            return getattr(self._client(service, operation), operation)(**arguments)
        except errors() as error:
            self._refuse(service, operation, error)

    def ask_all(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """All pages of a list; raises as `ask` does."""
        try:
            pages = self._client(service, operation).get_paginator(operation).paginate(**arguments)
            return pages.build_full_result().get(key, [])
        except errors() as error:
            self._refuse(service, operation, error)

    def _client(self, service: str, operation: str) -> Any:
        if not READS.match(operation):
            raise AssertionError(f"{service}.{operation} is no reading; preflight changes nothing")
        with self._lock:  # a session is not safe to share between threads, its clients are
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def _made(self, service: str) -> Any:
        config: Any = importlib.import_module("botocore.config").Config
        self._session = self._session or session(self.region)
        patience = config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
        return self._session.client(service, config=patience)

    def _refuse(self, service: str, operation: str, error: Exception) -> NoReturn:
        response: dict[str, Any] = getattr(error, "response", {})
        code = response.get("Error", {}).get("Code", type(error).__name__)
        came = f"{code}: {response.get('Error', {}).get('Message') or error}"
        if DENIED.search(code):
            raise Unanswerable(came, f"give the caller {self._action(service, operation)}") from None
        if NOT_SIGNED_IN.search(code):
            raise NotSignedIn(came, SIGN_IN) from None
        if ABSENT.search(code):
            raise Absent(came, "") from None
        raise Unanswerable(came, "check the region and the proxy, and try again") from None

    def _action(self, service: str, operation: str) -> str:
        meta = self._clients[service].meta
        return f"{meta.service_model.signing_name}:{meta.method_to_api_mapping[operation]}"
