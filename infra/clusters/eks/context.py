"""What the parts of one EKS cluster share."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.settings.aws import AwsSettings
from infra.settings.eks import EksSettings


@dataclass(frozen=True, kw_only=True)
class EksContext:
    """One cluster: its settings, and its name twice, as text and as what exists once the control plane does."""

    aws: AwsSettings
    eks: EksSettings
    name: str
    created_name: pulumi.Output[str]
    tags: Mapping[str, str]
    chart_mirror: str | None
