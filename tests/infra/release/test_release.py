"""The steps of a release with stand-ins on PATH, and one copy between real registries."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from infra.release.__main__ import main
from infra.release.image import Released
from infra.release.registries import copy
from tests.registry import registry

DIGEST = f"sha256:{'5' * 64}"
RELEASE = {"REGISTRY": "ghcr.io/Team/platform", "DIGEST": DIGEST, "VERSION": "v1.2.3", "TAG": "model-server:cuda"}
SIGNER = {
    "SIGNER": r"^https://github\.com/team/platform/\.github/workflows/release\.yml@refs/tags/v[^/]+$",
    "ISSUER": "https://token.actions.githubusercontent.com",
}
CUDA = f"ghcr.io/team/platform/model-server-cuda@{DIGEST}"
EXPORTED = {
    "aws": f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/model-server@{DIGEST}",
    "azure": f"models.azurecr.io/model-server@{DIGEST}",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A program with a stack for GPUs and one without."""
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n", encoding="utf-8")
    for name, block in {"prod": "{}", "local": "{variant: cpu}"}.items():
        (tmp_path / f"Pulumi.{name}.yaml").write_text(f"config: {{p:image: {block}}}\n", encoding="utf-8")
    (tmp_path / "build").mkdir()
    (tmp_path / "build/sbom.cdx.json").write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts stand-ins on PATH that write down their arguments and say what they are told to."""
    log = tmp_path / "calls"
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    def put(answers: Mapping[str, str], exit_code: int = 0) -> Path:
        for name, answer in answers.items():
            said = f"cat <<'END'\n{answer}\nEND\n" if exit_code == 0 else f"echo '{answer}' >&2\n"
            script = f'#!/bin/sh\necho "{name} $*" >> {log}\n{said}exit {exit_code}\n'
            (tmp_path / name).write_text(script, encoding="utf-8")
            (tmp_path / name).chmod(0o755)
        return log

    return put


def ran(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").splitlines()


def test_a_push_tells_the_digest_that_the_registry_has(
    root: Path, programs: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    log = programs({"docker": f"ghcr.io/other@sha256:{'0' * 64}\n{CUDA}"})
    output = root / "output"

    assert main(["push", "--variant", "cuda"], {**RELEASE, "OUTPUT": str(output)}, root) == 0

    name = "ghcr.io/team/platform/model-server-cuda:v1.2.3"
    assert ran(log)[:2] == [f"docker tag model-server:cuda {name}", f"docker push --quiet {name}"]
    assert capsys.readouterr().out == output.read_text(encoding="utf-8") == f"digest={DIGEST}\n"


def test_the_digest_is_signed_and_its_contents_attested(root: Path, programs: Callable[..., Path]) -> None:
    log = programs({"cosign": ""})

    assert main(["sign", "--variant", "cuda"], RELEASE, root) == 0
    assert ran(log) == [
        f"cosign sign --yes {CUDA}",
        f"cosign attest --yes --type cyclonedx --predicate {root}/build/sbom.cdx.json {CUDA}",
    ]


@pytest.mark.parametrize(("stack", "variant"), [("prod", "cuda"), ("local", "cpu")])
def test_what_is_verified_is_of_the_variant_that_the_stack_runs(
    root: Path, programs: Callable[..., Path], stack: str, variant: str
) -> None:
    log = programs({"cosign": ""})
    image = CUDA.replace("cuda", variant)
    who = f"--certificate-identity-regexp {SIGNER['SIGNER']} --certificate-oidc-issuer {SIGNER['ISSUER']}"

    assert main(["verify", "--stack", stack], {**RELEASE, **SIGNER}, root) == 0
    assert ran(log) == [
        f"cosign verify {who} {image}",
        f"cosign verify-attestation --type cyclonedx {who} {image}",
    ]


def test_an_image_that_nobody_signed_is_refused(
    root: Path, programs: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    programs({"cosign": "no signatures found"}, exit_code=1)

    assert main(["verify", "--stack", "prod"], {**RELEASE, **SIGNER}, root) == 2
    assert capsys.readouterr().err == "error: cosign verify: no signatures found\n"


@pytest.mark.parametrize("signer", ["", ".*", "^https://github", r"https://github\.com/team/.*$"])
def test_a_signer_that_anybody_could_be_is_refused(root: Path, programs: Callable[..., Path], signer: str) -> None:
    log = programs({"cosign": ""})

    assert main(["verify", "--stack", "prod"], {**RELEASE, **SIGNER, "SIGNER": signer}, root) == 2
    assert not log.exists()


def test_a_copy_goes_to_each_registry_of_the_stack_with_that_clouds_login(
    root: Path, programs: Callable[..., Path]
) -> None:
    log = programs({"pulumi": json.dumps(EXPORTED), "aws": "awss-password", "az": "azures-token", "skopeo": ""})

    assert main(["copy", "--stack", "prod"], RELEASE, root) == 0

    calls = [line for line in ran(log) if line.startswith("skopeo")]
    aws, azure = (each.partition("@")[0] for each in EXPORTED.values())
    assert calls == [
        f"skopeo login --username AWS --password-stdin {aws.partition('/')[0]}",
        f"skopeo copy --all --preserve-digests docker://{CUDA} docker://{aws}:release-555555555555",
        "skopeo login --username 00000000-0000-0000-0000-000000000000 --password-stdin models.azurecr.io",
        f"skopeo copy --all --preserve-digests docker://{CUDA} docker://{azure}:release-555555555555",
    ]
    assert "aws ecr get-login-password --region eu-west-1" in ran(log)


def test_a_stack_without_registries_is_told_how_to_get_them(
    root: Path, programs: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    programs({"pulumi": "no output image"}, exit_code=1)

    assert main(["copy", "--stack", "prod"], RELEASE, root) == 2
    assert "prod has no registries yet: make it up once" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"DIGEST": "latest"}, "DIGEST must be sha256: and 64 hex digits, got 'latest'"),
        ({"REGISTRY": "ghcr.io/a b"}, "REGISTRY must be host/path"),
        ({"DIGEST": ""}, "DIGEST is not set; docs/pipelines.md"),
    ],
)
def test_a_mistake_is_a_line_before_anything_runs(
    root: Path, programs: Callable[..., Path], capsys: pytest.CaptureFixture[str], changed: dict[str, str], said: str
) -> None:
    log = programs({"cosign": ""})

    assert main(["sign", "--variant", "cuda"], {**RELEASE, **changed}, root) == 2
    assert said in capsys.readouterr().err
    assert not log.exists()


def test_a_program_that_is_missing_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["sign", "--variant", "cuda"], RELEASE, root) == 2
    assert "there is no cosign on PATH; install it: https://docs.sigstore.dev" in capsys.readouterr().err


@pytest.mark.slow
def test_an_image_keeps_its_digest_from_one_real_registry_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("docker-registry", "skopeo"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not on PATH: install Debian's package of that name")
    with registry(tmp_path / "release", tls=True) as release, registry(tmp_path / "stack", tls=True) as stack:
        authorities = [each.authority.read_text(encoding="utf-8") for each in (release, stack) if each.authority]
        (tmp_path / "authorities.pem").write_text("".join(authorities), encoding="utf-8")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authorities.pem"))
        source = f"{release.address}/platform/model-server-cpu"
        pushed = ["skopeo", "copy", f"oci:{_layout(tmp_path / 'layout')}:cpu", f"docker://{source}:v1"]
        subprocess.run(pushed, check=True)
        digest = _digest(f"docker://{source}:v1")

        copy(Released(repository=source, digest=digest), f"{stack.address}/model-server", "release-1")

        assert _digest(f"docker://{stack.address}/model-server@{digest}") == digest


def _digest(reference: str) -> str:
    command = ["skopeo", "inspect", "--raw", reference]
    return f"sha256:{hashlib.sha256(subprocess.run(command, check=True, capture_output=True).stdout).hexdigest()}"


def _layout(folder: Path) -> Path:
    """An image of one empty layer, as https://github.com/opencontainers/image-spec lays it out."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def blob(kind: str, content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    layer = bytes(1024)  # an archive that ends at once
    diff = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    rootfs = {"type": "layers", "diff_ids": [diff]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs})
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob("config.v1+json", config.encode()),
        "layers": [blob("layer.v1.tar", layer)],
    }
    entry = blob("manifest.v1+json", json.dumps(manifest).encode())
    index = {"schemaVersion": 2, "manifests": [{**entry, "annotations": {"org.opencontainers.image.ref.name": "cpu"}}]}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    return folder
