"""Values of a resource that only its cloud knows: made up, of the right form, the same for the same object."""

import base64
import hashlib
import json
import re
from collections.abc import Callable

from infra.preview.manifests import RELEASE
from infra.preview.markers import MARKER, markers_in, whole_marker
from infra.preview.outputs import own_name
from infra.preview.plan import urn_name
from infra.preview.sdk import resource_class
from infra.preview.wire import UNKNOWN, Plain, Secret, is_list, is_map

PLANTED = "planted-secret"
"""Every made-up value that is a secret holds this word; tests look for it where it must not be."""

SECRET = re.compile(
    r"password|accountkey|sharedkey|connectionstring|bcrypthash|authorizationtoken|^result$", re.IGNORECASE
)
KUBECONFIG = "kubeconfigs[0].value"
CERTIFICATE = base64.b64encode(b"a certificate").decode()

FORMS: tuple[tuple[str, str], ...] = (
    (r"(^a|A)rn$", "arn:aws:{service}:eu-west-1:111122223333:{name}-{seed}"),
    (r"\b(hostname|dnsName)$", "{name}-{seed}.elb.eu-west-1.amazonaws.com"),
    (r"\bip$", "10.16.0.10"),
    (r"\bendpoint$", "https://{seed}.gr7.eu-west-1.eks.amazonaws.com"),
    (r"\bdata$", CERTIFICATE),
    (r"\bloginServer$", "{name}{seed}.azurecr.io"),
    (r"\brepositoryUrl$", "111122223333.dkr.ecr.eu-west-1.amazonaws.com/{name}"),
    (r"\bproxyEndpoint$", "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com"),
    (r"\bdigest$", "sha256:{long}"),
    (r"\bref$", "111122223333.dkr.ecr.eu-west-1.amazonaws.com/{name}@sha256:{long}"),
)
"""Strings whose form somebody reads, by where they stand; every other one is a word of its own."""

_OTHERS: dict[str, Plain] = {"integer": 1, "number": 1.0, "boolean": False, "list": [], "map": {}, "object": {}}


def made_up(outputs: Plain, *, type_: str, seed: str, secret_seed: str = "") -> Plain:
    """`outputs` with something of the right form in the place of each marker; the seeds tell objects apart."""

    def value(found: re.Match[str]) -> Plain:
        owner, _, inside = found["path"].partition(".")
        if found["type"] != "string":
            return _OTHERS.get(found["type"])
        if inside == KUBECONFIG:
            return _kubeconfig(seed)
        if SECRET.search(inside):
            return f"{PLANTED}-{_digest(seed + secret_seed)[:12]}"
        return _text(owner, inside, type_, _digest(seed))

    return _mapped(outputs, value)


def has_secret(outputs: Plain) -> bool:
    """Whether a marker anywhere in `outputs` stands for a secret that would be made up."""
    found = (MARKER.fullmatch(each) for each in markers_in(outputs))
    return any(SECRET.search(each["path"].partition(".")[2]) for each in found if each)


def unknown(outputs: Plain) -> Plain:
    """`outputs` as a preview has them: nothing is known of what only the cloud knows."""
    return _mapped(outputs, lambda _: UNKNOWN)


def on_the_wire(values: Plain) -> Plain:
    """Decoded values with the wire's own sign for those that are unknown."""
    return _mapped(values, lambda found: UNKNOWN if found["path"] == "unknown" else found.group())


def plain(value: Plain) -> Plain:
    """`value` without the marks of secrets and the engine's own keys."""
    if isinstance(value, Secret):
        return plain(value.value)
    if is_map(value):
        return {key: plain(item) for key, item in value.items() if not key.startswith("__")}
    return [plain(item) for item in value] if is_list(value) else value


def stated_name(type_: str, inputs: Plain) -> str | None:
    """The name that the program gave an object, with its namespace; None where its cloud is to make one up."""
    named = inputs if type_ == RELEASE else inputs.get("metadata") or inputs
    owner = resource_class(type_)
    name = named.get("name") or (named.get(own_name(owner)) if owner else None)
    return "/".join(filter(None, (named.get("namespace"), name))) if name else None


def object_id(type_: str, urn: str, inputs: Plain, generation: int) -> str:
    """The ID of a new object: in Kubernetes it is the name, everywhere else another one each time."""
    name = stated_name(type_, inputs) if type_.startswith("kubernetes:") else None
    return name or f"{urn_name(urn)}-{_digest(f'{urn} {generation}')[:7]}"


def _mapped(value: Plain, change: Callable[[re.Match[str]], Plain]) -> Plain:
    if isinstance(value, Secret):
        return Secret(_mapped(value.value, change))
    if is_map(value):
        return {key: _mapped(item, change) for key, item in value.items()}
    if is_list(value):
        return [_mapped(item, change) for item in value]
    found = whole_marker(value)
    return change(found) if found else value


def _text(owner: str, path: str, type_: str, digest: str) -> str:
    form = next((form for end, form in FORMS if re.search(end, path)), f"{{name}}-{path.rpartition('.')[2]}-{{seed}}")
    name, service = re.sub(r"[^a-z0-9]", "-", owner.lower()), type_.split(":")[1].split("/")[0]
    return form.format(name=name, service=service, seed=digest[:7], long=digest)


def _digest(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()


def _kubeconfig(seed: str) -> str:
    """What Azure gives back: where the cluster is, and a user whose token must not be kept."""
    cluster = {"server": f"https://{_digest(seed)[:7]}.hcp.azmk8s.io:443", "certificate-authority-data": CERTIFICATE}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "user", "user": {"token": PLANTED}}],
    }
    return base64.b64encode(json.dumps(document).encode()).decode()
