"""The clouds' side of a preflight: their documentation's answers, to requests that are all written down."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.loopback import Request, Response

ANSWERS = Path(__file__).parent / "answers"

REST = {
    r"/clusters": "ListClusters",
    r"/cluster-versions.*": "DescribeClusterVersions",
    r"/2016-08-19/account-settings": "GetAccountSettings",
}
"""The operations of the services that name them in the path."""

QUOTAS = {
    "L-1216C47A": 64.0,  # EC2 on demand: Standard, G and VT, P
    "L-DB2E81BA": 64.0,
    "L-417A185B": 0.0,
    "L-34B43A08": 64.0,  # EC2 spot: the same, and P5
    "L-3819A6DF": 64.0,
    "L-7212CCBC": 0.0,
    "L-C4BD4855": 0.0,
    "L-0263D0A3": 5.0,  # addresses, networks, gateways, clusters
    "L-F678F1CE": 5.0,
    "L-FE5A380F": 5.0,
    "L-1194D53C": 100.0,
    "L-7A3DF611": 40.0,  # SageMaker: instances, concurrency
    "L-96300102": 50.0,
}
"""Values by code, of an account with some room."""


def recorded(name: str) -> Any:
    """An answer in JSON."""
    return json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8"))["answer"]


class Amazon:
    """All services behind one address; `operations` are those that were called."""

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.quotas = dict(QUOTAS)
        self.without_own_value: set[str] = set()
        self._instead: dict[str, Response] = {}

    def replace(self, operation: str, old: str, new: str) -> None:
        """Answer `operation` with the recorded text changed; the text must hold `old`."""
        answer = self._recorded(operation)
        assert old.encode() in answer.body, answer.body
        self._instead[operation] = Response(
            headers=answer.headers, body=answer.body.replace(old.encode(), new.encode())
        )

    def refuse(self, operation: str, code: str, status: int = 400) -> None:
        """Answer `operation` with an error."""
        if (ANSWERS / f"{operation}.xml").exists():
            body = f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors></Response>"
            if operation in ("GetRole", "GetCallerIdentity", "SimulatePrincipalPolicy"):
                body = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
            self._instead[operation] = Response(status=status, body=body.encode())
        else:
            self._instead[operation] = _error(code, status)

    def handle(self, request: Request) -> Response:
        """One call."""
        operation, asked = _operation(request)
        self.operations.append(operation)
        if operation in self._instead:
            return self._instead[operation]
        if operation in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
            return self._quota(operation, asked)
        if operation == "SimulatePrincipalPolicy":
            return self._allowed(asked)
        return self._recorded(operation)

    def _recorded(self, operation: str) -> Response:
        if (ANSWERS / f"{operation}.xml").exists():
            return Response(headers={"Content-Type": "text/xml"}, body=(ANSWERS / f"{operation}.xml").read_bytes())
        return _json(recorded(operation))

    def _quota(self, operation: str, asked: dict[str, Any]) -> Response:
        """https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html"""
        code = asked["QuotaCode"]
        if operation == "GetServiceQuota" and code in self.without_own_value:
            return _error("NoSuchResourceException", 400)
        return _json({"Quota": {"ServiceCode": asked["ServiceCode"], "QuotaCode": code, "Value": self.quotas[code]}})

    def _allowed(self, asked: dict[str, Any]) -> Response:
        """The recorded answer, a member for each action that was asked about."""
        text = self._recorded("SimulatePrincipalPolicy").body.decode()
        found = re.search(r"<member>.*</member>", text, re.DOTALL)
        assert found
        names = [values[0] for key, values in asked.items() if key.startswith("ActionNames.")]
        members = "".join(found[0].replace("eks:CreateCluster", name) for name in names)
        return Response(headers={"Content-Type": "text/xml"}, body=text.replace(found[0], members).encode())


def _operation(request: Request) -> tuple[str, dict[str, Any]]:
    """Its name as the service's protocol carries it, and what it was given."""
    if target := request.headers.get("x-amz-target"):
        return target.rpartition(".")[2], json.loads(request.body)
    form = parse_qs(request.body.decode())
    if "Action" in form:
        return form["Action"][0], form
    (found,) = [name for pattern, name in REST.items() if re.fullmatch(pattern, request.path.partition("?")[0])]
    assert request.method == "GET"
    return found, {}


def _json(answer: Any) -> Response:
    return Response(headers={"Content-Type": "application/x-amz-json-1.1"}, body=json.dumps(answer).encode())


def _error(code: str, status: int) -> Response:
    body = json.dumps({"__type": code, "message": "no"}).encode()
    return Response(status=status, headers={"x-amzn-errortype": code}, body=body)


PATHS = {
    "page=2": "page-2",
    "account show": "account",
    "Microsoft.Compute/skus": "skus",
    "Microsoft.Compute/locations/northeurope/usages": "compute-usages",
    "ContainerService/managedClusters": "clusters",
    "locations/northeurope/kubernetesVersions": "kubernetes-versions",
    "MachineLearningServices/locations/northeurope/usages": "machine-learning-usages",
    "ContainerInstance/locations/northeurope/usages": "container-usages",
    "ContainerInstance/containerGroups": "container-groups",
    "Microsoft.Authorization/permissions": "permissions",
    "/providers?api-version": "providers",
}
"""Which answer a call gets, by a part of its arguments."""


class Microsoft:
    """A stand-in for the Azure CLI, alone on PATH; it answers from files, and keeps what it was called with."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._log = folder, folder / "calls"
        for name in set(PATHS.values()) - {"page-2"}:
            self.answer(name, recorded(name))
        cases = "\n".join(f"*'{path}'*) name={name};;" for path, name in PATHS.items())
        script = (
            f'#!/bin/sh\necho "$*" >> {self._log}\ncase "$*" in\n{cases}\nesac\n'
            f"if [ -f {folder}/$name.error ]; then /bin/cat {folder}/$name.error >&2; exit 1; fi\n"
            f"/bin/cat {folder}/$name.json\n"
        )
        (folder / "az").write_text(script, encoding="utf-8")
        (folder / "az").chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The arguments of every call."""
        return self._log.read_text(encoding="utf-8").splitlines() if self._log.exists() else []

    def answer(self, name: str, answer: Any) -> None:
        """Answer with this instead."""
        (self._folder / f"{name}.json").write_text(json.dumps(answer), encoding="utf-8")

    def refuse(self, name: str, said: str) -> None:
        """Fail, as the CLI does: with exit code 1 and words on stderr."""
        (self._folder / f"{name}.error").write_text(said, encoding="utf-8")
