"""What the parts of one EKS cluster share."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.clusters.draining import Drains
from infra.settings.aws import AwsSettings
from infra.settings.eks import EksSettings, GpuPoolSettings
from infra.settings.office_hours import OfficeHoursSettings


@dataclass(frozen=True, kw_only=True)
class EksContext:
    """One cluster: its settings, and its name twice, as text and as what exists once the control plane does.

    `drains` are what its controllers end after; None leaves them unguarded.
    """

    aws: AwsSettings
    eks: EksSettings
    name: str
    created_name: pulumi.Output[str]
    tags: Mapping[str, str]
    chart_mirror: str | None
    office_hours: OfficeHoursSettings | None
    drains: Drains | None = None

    def hours(self, pool: GpuPoolSettings) -> tuple[OfficeHoursSettings, int] | None:
        """When a pool's group has its usual nodes, and its nodes at other times; None where these are the same."""
        outside = pool.min_outside_office_hours
        return None if self.office_hours is None or outside is None else (self.office_hours, outside)
