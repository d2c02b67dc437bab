"""The lives of the shipped stacks on the engine: recorded step by step, for tests to judge afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra import held_data
from tests.engine.aws import STRANGER
from tests.engine.engine import ROOT, Engine, Step
from tests.engine.standin.clouds import Clouds, Entry, Held

DEV_REFUSED = (
    "aws:eks/podIdentityAssociation:PodIdentityAssociation::eks-node-vpc-cni",
    "azure-native:containerinstance:ContainerGroup::container-instances",
    "kubernetes:apps/v1:Deployment::eks-model-server",
)
"""Where dev's first `up`s fail: early, on another cloud, and late."""

PROD_REFUSED = ("aws:eks/nodeGroup:NodeGroup::eks-system", "kubernetes:helm.sh/v3:Release::aks-keda")
"""Where prod's do: a node group without capacity, and a chart in the other cloud."""

CHANGED_BY_HAND = "aws:eks/cluster:Cluster::eks"
DELETED_BY_HAND = "kubernetes:core/v1:ConfigMap::eks-model-server"
OPEN_TO_ALL = "0.0.0.0/0"

JUDGED = ("--policy-pack", str(ROOT / "infra" / "policy" / "pack"))
"""Options with which the engine asks the policy pack, as `make preview` does."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """A stack's steps by name, its state when it was whole and at its end, and what was left in the clouds."""

    steps: Mapping[str, Step]
    whole: Sequence[Mapping[str, Any]]
    end: Sequence[Mapping[str, Any]]
    journal: Sequence[Entry]
    left: Sequence[Held]
    written: bytes

    def __getitem__(self, name: str) -> Step:
        return self.steps[name]

    @property
    def refused(self) -> list[Step]:
        """The `up`s that a cloud refused something."""
        return [step for name, step in self.steps.items() if name.startswith("up, refused")]


def dev_life(engine: Engine) -> Life:
    """Dev: half made, completed, changed in its file and by hand, and taken away."""
    clouds = engine.clouds
    clouds.seconds = 0.1
    engine.preview("preview", *JUDGED)
    engine.set(lambda blocks: _buy(blocks, "on-demand"))
    engine.preview("preview, against a rule", *JUDGED, may_fail=True)
    engine.set(lambda blocks: _buy(blocks, "spot"))
    whole = _made(engine, DEV_REFUSED)
    engine.preview("preview again", "--expect-no-changes", may_fail=True)
    engine.refresh()
    engine.set(_larger_pool)
    engine.up("up, one setting changed")
    _meddle(clouds)
    engine.refresh("refresh after meddling")
    engine.up("up after meddling")
    clouds.balancers.append(STRANGER)
    engine.destroy()
    return _life(engine, whole)


def prod_life(engine: Engine) -> Life:
    """Prod: made, changed so that a node pool is replaced, guarded against its end, and taken away."""
    engine.preview("preview", *JUDGED)
    whole = _made(engine, PROD_REFUSED)
    engine.preview("preview again", "--expect-no-changes", may_fail=True)
    engine.refresh()
    engine.set(_other_machines)
    engine.up("up, one setting changed")
    engine.destroy("destroy, protected", may_fail=True)
    engine.set(lambda blocks: _unprotect(blocks, whole))
    engine.up("up, unprotected")
    engine.destroy()
    return _life(engine, whole)


def _made(engine: Engine, refused: Sequence[str]) -> list[dict[str, Any]]:
    """The state of a stack that was refused something at each of these places before it was whole."""
    for place in refused:
        engine.clouds.refuse_once(place)
    while engine.clouds.is_refusing:  # one place or several at once, as the engine comes to them
        engine.up(f"up, refused ({len(engine.steps)})", may_fail=True)
    engine.up()
    return engine.state()


def _life(engine: Engine, whole: Sequence[Mapping[str, Any]]) -> Life:
    return Life(
        steps={step.name: step for step in engine.steps},
        whole=whole,
        end=engine.state(),
        journal=list(engine.clouds.journal),
        left=list(engine.clouds.objects.values()),
        written=engine.written(),
    )


def _meddle(clouds: Clouds) -> None:
    """What somebody does in the consoles."""
    cluster = clouds.find(CHANGED_BY_HAND)
    clouds.put(cluster.changed("vpcConfig", {**cluster.inputs["vpcConfig"], "publicAccessCidrs": [OPEN_TO_ALL]}))
    lost = clouds.find(DELETED_BY_HAND)
    clouds.remove(lost.urn, lost.id)


def _buy(blocks: dict[str, Any], capacity: str) -> None:
    blocks["eks"]["gpuPools"]["t4-spot"]["capacity"] = capacity


def _larger_pool(blocks: dict[str, Any]) -> None:
    blocks["eks"]["gpuPools"]["t4-spot"]["max"] = 3


def _other_machines(blocks: dict[str, Any]) -> None:
    blocks["aks"]["gpuPools"]["t4"]["vmSize"] = "Standard_NC8as_T4_v3"


def _unprotect(blocks: dict[str, Any], resources: Sequence[Mapping[str, Any]]) -> None:
    """Write what the refusal of `make destroy` says of each resource that it keeps."""
    settings = {held_data.setting(each["urn"]) for each in resources if each.get("protect")}
    for path, _, value in (setting.partition(": ") for setting in settings if setting):
        *parents, last = path.split(".")
        block = blocks
        for parent in parents:
            block = block[parent]
        block[last] = value == "true"
