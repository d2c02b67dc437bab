"""What nodes cost, by instance type: your own figures, since every cloud, region and contract has others."""

from typing import Annotated

from pydantic import Field

from infra.settings.model import Settings, unit


class PriceSettings(Settings):
    """What one node costs while it runs."""

    spot: Annotated[float, Field(ge=0), unit("US dollars per hour")]
    """Price of a spot node."""
    on_demand: Annotated[float, Field(ge=0), unit("US dollars per hour")]
    """Price of a node that the cloud does not take back."""


# As nodes' label `node.kubernetes.io/instance-type` has it: `g5.xlarge`, `Standard_NC4as_T4_v3`.
InstanceTypeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]

Prices = dict[InstanceTypeName, PriceSettings]
