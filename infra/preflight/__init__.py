"""Asks the clouds, before `up`, whether they would give what a stack may take at its most. Nothing is changed by it.

From a shell: `python -m infra.preflight --stack prod`. Each cloud has a room, and a `Section` of questions made from
the stack's plan.
"""
