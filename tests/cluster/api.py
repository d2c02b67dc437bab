"""A client of a Kubernetes API server that keeps what it warned of."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

Document = Mapping[str, Any]

MANAGER = "inference-platform"
"""Who applies, in managed fields."""

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


def condition(document: Document, name: str) -> bool:
    """Whether a condition of an object's status is true."""
    conditions: list[dict[str, str]] = document.get("status", {}).get("conditions") or []
    return any(each["type"] == name and each["status"] == "True" for each in conditions)


class RefusedError(Exception):
    """The API server refused a request; `status` is the HTTP status, the text its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Api:
    """As one user; kinds are named as in documents, `apps/v1 Deployment`."""

    client: httpx.Client
    headers: Sequence[tuple[str, str]] = ()
    warnings: list[str] = field(default_factory=list[str])
    _resources: dict[str, tuple[str, bool]] = field(default_factory=dict[str, tuple[str, bool]])

    def as_user(self, name: str, *groups: str) -> "Api":
        """The same server asked as somebody else, a member of `groups`.

        https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
        """
        return Api(self.client, [("Impersonate-User", name), *(("Impersonate-Group", group) for group in groups)])

    def apply(self, document: Document) -> dict[str, Any]:
        """Server-side apply with strict validation of fields; raises RefusedError.

        https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        parameters = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": "true"}
        return self._send("PATCH", self.path(document), parameters, json.dumps(document), _APPLY)

    def create(self, document: Document) -> dict[str, Any]:
        """Create an object; raises RefusedError."""
        path = self.path(document).rpartition("/")[0]
        return self._send("POST", path, {"fieldValidation": "Strict"}, json.dumps(document))

    def evict(self, pod: str, namespace: str) -> None:
        """Ask a pod to leave, as `kubectl drain` does; raises RefusedError, with 429 when a budget forbids it.

        https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
        """
        metadata = {"name": pod, "namespace": namespace}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        self._send("POST", f"{self._path('v1 Pod', namespace, pod)}/eviction", {}, json.dumps(eviction))

    def patch(
        self, kind: str, name: str, change: Document, namespace: str = "", subresource: str = ""
    ) -> dict[str, Any]:
        """Merge `change` into an object, or a part of it with a path of its own; raises RefusedError."""
        path = "/".join([self._path(kind, namespace, name), *([subresource] if subresource else [])])
        return self._send("PATCH", path, {}, json.dumps(change), _MERGE)

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
        """One object; raises RefusedError."""
        return self._send("GET", self._path(kind, namespace, name))

    def get_path(self, path: str) -> dict[str, Any]:
        """What the server says at a path of its own; raises RefusedError."""
        return self._send("GET", path)

    def list(self, kind: str, namespace: str = "", labels: str = "") -> "list[dict[str, Any]]":
        """Objects of a kind, of one namespace or of all, that the label selector matches."""
        return self._send("GET", self._path(kind, namespace), {"labelSelector": labels})["items"]

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object, and what it owns after it; raises RefusedError."""
        self._send("DELETE", self._path(kind, namespace, name), {"propagationPolicy": "Background"})

    def watch(self, kind: str, namespace: str, seconds: float) -> Iterator[dict[str, Any]]:
        """Every state of a kind's objects from now on, as the server tells of it, for `seconds`."""
        path = self._path(kind, namespace)
        parameters = {"watch": "true", "timeoutSeconds": f"{seconds:.0f}"}
        with self.client.stream("GET", path, params=parameters, timeout=seconds + 10) as response:
            for line in response.iter_lines():
                yield json.loads(line)["object"]

    def may(self, verb: str, resource: str, namespace: str, group: str = "") -> bool:
        """Whether this user may do that, by the server's own word (a SelfSubjectAccessReview)."""
        name, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": name, "subresource": subresource}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {**attributes, "namespace": namespace}},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return self._send("POST", path, {}, json.dumps(review))["status"]["allowed"]

    def path(self, document: Document) -> str:
        """The URL path of the object that a document describes."""
        metadata = document["metadata"]
        kind = f"{document['apiVersion']} {document['kind']}"
        return self._path(kind, metadata.get("namespace", ""), metadata["name"])

    def _path(self, kind: str, namespace: str, name: str = "") -> str:
        version, _, bare = kind.partition(" ")
        plural, namespaced = self._resource(version, bare)
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        inside = f"/namespaces/{namespace or 'default'}" if namespaced and (namespace or name) else ""
        return f"{root}{inside}/{plural}" + (f"/{quote(name)}" if name else "")

    def _resource(self, version: str, kind: str) -> tuple[str, bool]:
        key = f"{version} {kind}"
        if key not in self._resources:
            root = f"/apis/{version}" if "/" in version else f"/api/{version}"
            for found in self._send("GET", root)["resources"]:
                if "/" not in found["name"]:
                    self._resources[f"{version} {found['kind']}"] = found["name"], found["namespaced"]
        if key not in self._resources:
            raise RefusedError(404, f"the server knows no {key}")
        return self._resources[key]

    def _send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        body: str | None = None,
        content: str = "application/json",
    ) -> dict[str, Any]:
        sent = [*self.headers, ("Content-Type", content)]
        response = self.client.request(method, path, params=parameters, content=body, headers=sent)
        self.warnings += response.headers.get_list("Warning")
        if response.is_error:
            raise RefusedError(response.status_code, _message(response))
        return response.json() if response.content else {}


def _message(response: httpx.Response) -> str:
    """What a refusal says; the server speaks plain text of a group that it does not know."""
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    return response.json().get("message", response.text) if is_json else response.text
