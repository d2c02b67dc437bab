"""Tells inputs that a model should not judge from those it learned: what is left once principal components are gone."""
