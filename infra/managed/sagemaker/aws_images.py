"""The serving images that AWS builds, by framework and version."""

import json
from pathlib import Path

from infra.settings.model import SettingsError
from infra.settings.sagemaker import AwsImageSettings

_BLOCK = "sagemaker.awsImage"


def aws_image_uri(image: AwsImageSettings, region: str, instance_type: str) -> str:
    """Where the image for `instance_type` lies, with GPU or without; asks nobody, the SDK knows the addresses.

    Raises `SettingsError` for what AWS does not build, with what it does.
    https://docs.aws.amazon.com/sagemaker/latest/dg/pre-built-containers-frameworks-deep-learning.html
    """
    # Eight seconds, paid only where such an image is asked for; the SDK has no types.
    from sagemaker.core import image_uris  # pyright: ignore[reportMissingTypeStubs]

    known = Path(image_uris.__file__).parent / "image_uri_config"
    if not (known / f"{image.framework}.json").is_file():
        names = ", ".join(sorted(path.stem for path in known.glob("*.json") if _serves(path)))
        raise SettingsError(f"{_BLOCK}.framework must be one of {names}, got {image.framework}")
    try:
        return image_uris.retrieve(  # pyright: ignore[reportUnknownMemberType]
            framework=image.framework,
            region=region,
            version=image.version,
            instance_type=instance_type,
            image_scope="inference",
        )
    except ValueError as unknown:
        raise SettingsError(f"{_BLOCK} must be an image that AWS builds for {instance_type}: {unknown}") from None


def _serves(path: Path) -> bool:
    described = json.loads(path.read_text())
    return "inference" in described or "inference" in described.get("scope", [])
