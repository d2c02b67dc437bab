"""Every rule there is, by subject."""

from infra.policy.rule import Rule
from infra.policy.rules import access, capacity, data, encryption, exposure, images, tags, workloads

SUBJECTS = (encryption, exposure, access, tags, data, images, workloads, capacity)
RULES: list[Rule] = [rule for subject in SUBJECTS for rule in subject.RULES]
