"""An Azure ML online endpoint, asked with a token of Microsoft Entra ID, on a cluster of one's own with Azure ML's.

https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint
"""

import subprocess
from collections.abc import Sequence

from infra.smoke import open_inference
from infra.smoke.client import Answer, Say
from infra.smoke.deadline import Deadline
from infra.smoke.errors import Failure
from infra.smoke.golden import Golden
from infra.smoke.http import post
from infra.smoke.target import Target

TOKEN = ("az", "account", "get-access-token", "--resource", "https://ml.azure.com")
"""The data plane's own resource; a token for the control plane is refused."""

AZURE = "https://management.azure.com"
API_VERSION = "2025-12-01"

DENIED = "give the caller the role AzureML Data Scientist, or the action .../onlineEndpoints/score/action, on it"

# https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#http-status-codes
ADVICE = {
    401: DENIED,
    403: DENIED,
    408: "the model took longer than the deployment's request timeout",
    424: "the container answered with an error: read the deployment's log (`az ml online-deployment get-logs`)",
}


class AzureMlClient:
    """Asks the scoring address, which is the whole address: Azure ML puts the container's route into it."""

    def __init__(self, target: Target, say: Say) -> None:
        del say
        self._url = target.address
        self._asking = own_token(target.resource_id) if target.resource_id else TOKEN

    def ask(self, golden: Golden, deadline: Deadline) -> Answer:
        """One inference; raises `Failure` or `ColdStart`."""
        headers = {**open_inference.HEADERS, "Authorization": f"Bearer {_token(self._asking, deadline)}"}
        unreachable = "an endpoint without public access is reachable through its workspace's private endpoint only"
        reply = post(self._url, open_inference.request(golden), headers, deadline, unreachable)
        return open_inference.answer(reply, ADVICE)


def own_token(endpoint_id: str) -> tuple[str, ...]:
    """Asks an endpoint, by its resource ID, for a token of its own.

    https://learn.microsoft.com/rest/api/azureml/online-endpoints/get-token
    """
    return ("az", "rest", "--method", "post", "--url", f"{AZURE}{endpoint_id}/token?api-version={API_VERSION}")


def _token(asking: Sequence[str], deadline: Deadline) -> str:
    asked = " ".join(asking)
    command = [*asking, "--query", "accessToken", "--output", "tsv"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=deadline.remaining(), check=False)
    except FileNotFoundError:
        raise Failure(asked, "the Azure CLI is not on PATH", "install it and sign in with `az login`") from None
    except subprocess.TimeoutExpired:
        raise Failure(asked, "no token within the time", "sign in with `az login`") from None
    if done.returncode:
        raise Failure(asked, done.stderr or f"exit code {done.returncode}", "sign in with `az login`")
    return done.stdout.strip()
