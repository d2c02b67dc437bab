"""The rules as the engine runs them: `pulumi preview --policy-pack infra/policy/pack`."""

import sys
from pathlib import Path

from pulumi_policy import PolicyPack

# The engine starts this file in its own folder.
sys.path.insert(0, str(Path(__file__).parents[3]))

from infra.policy.pack.policies import policies

PolicyPack(name="inference-platform", policies=policies())
