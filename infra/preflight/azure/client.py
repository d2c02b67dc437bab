"""Azure's resource manager, read through the Azure CLI with the user's own sign-in."""

import json
import re
import subprocess
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from infra.preflight.errors import Absent, NotSignedIn, Unanswerable

MANAGEMENT = "https://management.azure.com"
SECONDS = 60
"""For one call: the CLI starts slowly, and a region's sizes are megabytes."""

CODE = re.compile(r'"code":\s*"(\w+)"')
SIGNED_OUT = re.compile(r"az login|AADSTS|not found\. Check the spelling|doesn't exist in cloud", re.IGNORECASE)


class Azure:
    """One subscription."""

    def __init__(self, subscription: str, tenant: str) -> None:
        self.subscription = subscription
        self.tenant = tenant

    @property
    def sign_in(self) -> str:
        """What to do without a sign-in, or with another's."""
        return f"sign in: az login --tenant {self.tenant}"

    def account(self) -> dict[str, Any]:
        """The subscription as the CLI knows it; raises `NotSignedIn` where it does not."""
        return self._run("account", "show", "--subscription", self.subscription)

    def get(self, path: str, version: str, **query: str) -> dict[str, Any]:
        """GET `path`, which follows the subscription's; raises `Unanswerable` of the kind that fits."""
        given: Mapping[str, str] = {"api-version": version, **{f"${key}": value for key, value in query.items()}}
        asked = (
            f"{MANAGEMENT}/subscriptions/{self.subscription}{quote(path)}?{urlencode(given, safe='$', quote_via=quote)}"
        )
        return self._rest(asked)

    def get_all(self, path: str, version: str, **query: str) -> list[dict[str, Any]]:
        """The `value` of every page; raises as `get` does."""
        page = self.get(path, version, **query)
        found: list[dict[str, Any]] = page["value"]
        while page.get("nextLink"):
            page = self._rest(page["nextLink"])
            found = [*found, *page["value"]]
        return found

    def _rest(self, url: str) -> dict[str, Any]:
        return self._run("rest", "--method", "get", "--url", url)

    def _run(self, *arguments: str) -> dict[str, Any]:
        command = ["az", *arguments, "--output", "json"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except FileNotFoundError:
            raise NotSignedIn("the Azure CLI is not on PATH", f"install it, then {self.sign_in}") from None
        except subprocess.TimeoutExpired:
            raise Unanswerable(f"no answer within {SECONDS} s", "try again") from None
        if done.returncode:
            raise self._refusal(done.stderr)
        return json.loads(done.stdout)

    def _refusal(self, said: str) -> Unanswerable:
        found = CODE.search(said)
        code = found[1] if found else ""
        if SIGNED_OUT.search(said):
            return NotSignedIn(said, self.sign_in)
        if code.endswith("NotFound"):
            return Absent(said, "")
        if code == "AuthorizationFailed":
            return Unanswerable(said, "give the caller the role Reader on the subscription")
        return Unanswerable(said or "az ended with an error", "check the location and the proxy, and try again")
