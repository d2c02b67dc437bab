"""Every server is replaced while clients ask."""

from collections.abc import Mapping
from pathlib import Path

from inference_app.contract import Env
from tests.drills import versions
from tests.drills.client import Load
from tests.drills.drill import Change, Drill
from tests.drills.fleet import Fleet
from tests.drills.proxies import PROXIES

RATE = 200
"""Requests per second."""
SHORT = {Env.DRAIN_SECONDS: "4", Env.GRACE_SECONDS: "10"}
"""A drain that outlasts what the proxies take to notice, twice over."""


def rolling_update(
    folder: Path, proxy: str = "HAProxy", old: str = "1", new: str = "2", extra: Mapping[str, str] | None = None
) -> Drill:
    """Servers of one model version give way to servers of another; `extra` is for their environment."""
    made = versions.write(folder / "models", max(int(old), int(new)))
    environment = {**SHORT, Env.MODEL_REPOSITORY: str(folder / "models"), **(extra or {})}
    with (
        PROXIES[proxy](folder) as front,
        Fleet(front, {**environment, Env.MODEL_VERSION: old}) as fleet,
        Load(front.url, versions.questions(made), rate=RATE) as load,
        Change(load) as change,
    ):
        codes = fleet.roll({**environment, Env.MODEL_VERSION: new})
    failed = [f"a server ended with {code}" for code in codes if code]
    return change.drill(f"version {old} to {new}, {proxy}", failed + change.stale(new))
