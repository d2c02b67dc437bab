"""The model server behind a URL: in a cluster, in a container group, on a laptop."""

from http import HTTPStatus

from infra.smoke import api_key, open_inference
from infra.smoke.client import Answer, Say
from infra.smoke.deadline import Deadline
from infra.smoke.golden import Golden
from infra.smoke.http import post
from infra.smoke.target import Target


class ServerClient:
    """Asks over HTTP, as whoever the network lets through, with a key where the user's environment has one."""

    def __init__(self, target: Target, say: Say) -> None:
        """Raises `InputError` for what can be no key."""
        del say
        self._headers = {**open_inference.HEADERS, **api_key.headers()}
        self._name = target.name
        self._url = target.address.rstrip("/") + open_inference.path(target.model)

    def ask(self, golden: Golden, deadline: Deadline) -> Answer:
        """One inference; raises `Failure` or `ColdStart`."""
        unreachable = (
            "an internal address is reachable from its own network only: run this there, or "
            f"`kubectl port-forward` the Service and add --address {self._name}=http://127.0.0.1:8080"
        )
        reply = post(self._url, open_inference.request(golden), self._headers, deadline, unreachable)
        return open_inference.answer(reply, {HTTPStatus.UNAUTHORIZED: api_key.advice()})
