"""Debian's image registry on loopback."""

import json
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import trustme

from tests.processes import HOST, Process, free_port, until

PROGRAM = "docker-registry"


@dataclass(frozen=True, kw_only=True)
class Registry:
    """Where it listens, as `host:port`; `authority` signed its certificate, None where it has no TLS."""

    address: str
    authority: Path | None = None

    def client(self) -> httpx.Client:
        """Asks the registry, and trusts it alone."""
        scheme = "https" if self.authority else "http"
        verify = ssl.create_default_context(cafile=self.authority) if self.authority else True
        return httpx.Client(base_url=f"{scheme}://{self.address}", verify=verify)


@contextmanager
def registry(folder: Path, *, tls: bool = False) -> Generator[Registry]:
    """A registry that keeps its images in `folder`."""
    folder.mkdir()
    address = f"{HOST}:{free_port()}"
    certificate = _certificate(folder) if tls else {}
    settings = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": address, "tls": certificate},
    }
    (folder / "config.yml").write_text(json.dumps(settings))
    made = Registry(address=address, authority=folder / "authority.pem" if tls else None)
    with Process("registry", [PROGRAM, "serve", folder / "config.yml"], folder) as process:
        until(lambda: _listens(made), "registry that listens", processes=[process])
        yield made


def _certificate(folder: Path) -> dict[str, str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    own = authority.issue_cert(HOST)
    own.private_key_pem.write_to_path(folder / "key.pem")
    own.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    return {"certificate": str(folder / "certificate.pem"), "key": str(folder / "key.pem")}


def _listens(made: Registry) -> bool:
    try:
        with made.client() as client:
            return client.get("/v2/").is_success
    except httpx.TransportError:
        return False
