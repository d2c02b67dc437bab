"""Signatures without keys: an image is signed as the pipeline that built it.

https://docs.sigstore.dev/cosign/signing/overview/
"""

from dataclasses import dataclass
from pathlib import Path

from infra.release.errors import ReleaseError
from infra.release.image import Released
from infra.release.programs import run

SBOM = "cyclonedx"


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Who must have signed: the pipeline's file at a tag, as a regular expression, and who vouches for it."""

    identity: str
    issuer: str

    def options(self) -> list[str]:
        """What `cosign verify` takes. Raises `ReleaseError` for a signer that anybody could be."""
        if not (self.identity.startswith("^https://") and self.identity.endswith("$") and self.issuer):
            raise ReleaseError(
                f"SIGNER must be a whole identity, ^https://...$, and ISSUER a URL, got {self.identity!r} and"
                f" {self.issuer!r}; docs/pipelines.md has both"
            )
        return ["--certificate-identity-regexp", self.identity, "--certificate-oidc-issuer", self.issuer]


def sign(image: Released, sbom: Path) -> None:
    """Sign the digest, and attest what is in it. Raises `ReleaseError`."""
    if not sbom.is_file():
        raise ReleaseError(f"there is no {sbom}: run `make sbom` first")
    run("cosign", ["sign", "--yes", image.reference])
    run("cosign", ["attest", "--yes", "--type", SBOM, "--predicate", str(sbom), image.reference])


def verify(image: Released, signer: Signer) -> None:
    """Both the signature and the attested SBOM must be the signer's. Raises `ReleaseError`."""
    options = signer.options()
    run("cosign", ["verify", *options, image.reference])
    run("cosign", ["verify-attestation", "--type", SBOM, *options, image.reference])
