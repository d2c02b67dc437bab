"""The price table `prices.yaml`: list prices in US dollars, dated, each with its source."""

import json
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import ConfigDict, Field, model_validator

from infra.settings.model import Settings

HOURS = 730
"""Hours of a month: 8,760 a year over twelve, as both clouds' calculators have it."""


class Cloud(StrEnum):
    """Whose bill it is."""

    AWS = "aws"
    AZURE = "azure"

    @property
    def label(self) -> str:
        """As people write it."""
        return "AWS" if self is Cloud.AWS else "Azure"


class Per(StrEnum):
    """What a price is for."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    GIB_MONTH = "GiB-month"
    GIB_SECOND = "GiB-second"
    MILLION = "million"


_MONTHLY = {Per.HOUR: HOURS, Per.DAY: HOURS / 24}

Dollars = Annotated[float, Field(ge=0)]


class Entry(Settings):
    """Part of the table; code names its fields as Python does, the file as stack files do."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)


class Source(Entry):
    """Where figures come from."""

    link: Annotated[str, Field(pattern="^https://")]
    """A page or file that has them."""
    observed: str
    """The day they are of."""


class MachinePrice(Entry):
    """What a machine costs an hour."""

    on_demand: Dollars
    """While the cloud does not take it back."""
    spot: tuple[Dollars, Dollars] | None = None
    """The lowest and the highest of the zones; absent means that nobody looked."""
    source: str
    """A key of `sources`."""


class ItemPrice(Entry):
    """What anything else costs."""

    price: Dollars
    """For one of it, for as long as `per` says."""
    per: Per
    """The unit."""
    source: str
    """A key of `sources`."""

    @property
    def monthly(self) -> float:
        """For one of it, a month long."""
        return self.price * _MONTHLY.get(self.per, 1)


class PriceTable(Entry):
    """All prices, by cloud and region; `everywhere` is a region too."""

    date: date
    """When they were looked up."""
    sources: Mapping[str, Source]
    """Where they come from."""
    machines: Mapping[Cloud, Mapping[str, Mapping[str, MachinePrice]]]
    """By type."""
    items: Mapping[Cloud, Mapping[str, Mapping[str, ItemPrice]]]
    """By name."""

    def machine(self, cloud: Cloud, region: str, name: str) -> MachinePrice | None:
        """The price of one type of machine; None where the table lacks it."""
        return self.machines.get(cloud, {}).get(region, {}).get(name)

    def item(self, cloud: Cloud, region: str, name: str) -> ItemPrice | None:
        """The price of anything else; None where the table lacks it."""
        found = self.items.get(cloud, {})
        return found.get(region, {}).get(name) or found.get("everywhere", {}).get(name)

    @model_validator(mode="after")
    def _sources_are_known(self) -> Self:
        for regions in (*self.machines.values(), *self.items.values()):
            for region, prices in regions.items():
                for name, price in prices.items():
                    if price.source not in self.sources:
                        raise ValueError(f"{name} in {region} must have one of sources, got {price.source}")
        return self


@cache
def price_table() -> PriceTable:
    """The table that ships."""
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    return PriceTable.model_validate_json(json.dumps(yaml.safe_load(text), default=str))
