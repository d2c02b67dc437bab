"""`python -m infra.release push|sign|verify|copy`: what happens to an image between its build and a stack.

What has no option comes from the environment, where `make` puts it: a shell never reads it.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from infra import pulumi_cli
from infra.preview import StackFileError, stack_file
from infra.release import registries, signature
from infra.release.errors import ReleaseError
from infra.release.image import Released, released, repository
from infra.release.programs import run
from infra.release.signature import Signer
from infra.settings.image import ImageSettings, Variant

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None, environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> int:
    """Do one step; return 0, or 2 with a line that says why it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m infra.release", description=__doc__)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--stack", help="whose variant and registries are meant: of verify and copy")
    parser.add_argument("--variant", type=Variant, help="cpu or cuda: of push and sign")
    options = parser.parse_args(arguments)
    try:
        STEPS[options.step](options, environment, root)
    except (ReleaseError, StackFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def push(options: argparse.Namespace, environment: Mapping[str, str], root: Path) -> None:
    """Push the image that was built and scanned as `TAG`; print its digest, and write it to `OUTPUT` where given."""
    del root
    local, to = _given(environment, "TAG"), repository(_given(environment, "REGISTRY"), options.variant)
    name = f"{to}:{_given(environment, 'VERSION')}"
    run("docker", ["tag", local, name])
    run("docker", ["push", "--quiet", name])
    found = run("docker", ["image", "inspect", "--format", '{{join .RepoDigests "\\n"}}', name]).split()
    digest = next((each.partition("@")[2] for each in found if each.startswith(f"{to}@")), "")
    line = f"digest={released(environment['REGISTRY'], options.variant, digest).digest}\n"
    print(line, end="")
    if output := environment.get("OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(line)


def sign(options: argparse.Namespace, environment: Mapping[str, str], root: Path) -> None:
    """Sign the pushed digest as this pipeline, with its SBOM."""
    image = released(_given(environment, "REGISTRY"), options.variant, _given(environment, "DIGEST"))
    signature.sign(image, root / "build/sbom.cdx.json")
    print(f"signed {image.reference}")


def verify(options: argparse.Namespace, environment: Mapping[str, str], root: Path) -> None:
    """Refuse an image that the release pipeline did not sign."""
    image = _of_stack(options, environment, root)
    signer = Signer(identity=_given(environment, "SIGNER"), issuer=_given(environment, "ISSUER"))
    signature.verify(image, signer)
    print(f"{image.reference} is signed by {signer.identity}")


def copy(options: argparse.Namespace, environment: Mapping[str, str], root: Path) -> None:
    """Copy a released image to each registry of the stack, under its digest."""
    image = _of_stack(options, environment, root)
    for to in registries.registries(pulumi_cli.executable(), root, options.stack):
        registries.copy(image, to, f"release-{image.digest.partition(':')[2][:12]}")
        print(f"copied to {to}@{image.digest}", flush=True)


STEPS = {"push": push, "sign": sign, "verify": verify, "copy": copy}


def _of_stack(options: argparse.Namespace, environment: Mapping[str, str], root: Path) -> Released:
    """The digest, in the repository of the variant that the stack runs."""
    stack = stack_file.load(root, options.stack)
    block: Mapping[str, str] = stack.config.get(f"{stack.project}:image") or {}
    variant = Variant(block.get("variant", ImageSettings().variant))
    return released(_given(environment, "REGISTRY"), variant, _given(environment, "DIGEST"))


def _given(environment: Mapping[str, str], name: str) -> str:
    """A variable's value. Raises `ReleaseError` where it is not set."""
    if value := environment.get(name):
        return value
    raise ReleaseError(f"{name} is not set; docs/pipelines.md says what it is")


if __name__ == "__main__":
    sys.exit(main())
