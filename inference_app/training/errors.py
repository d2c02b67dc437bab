"""What a command refuses."""


class TrainingError(Exception):
    """What was asked for cannot be done; the message says what is wrong, the value, and what to do."""


class RefusedModelError(TrainingError):
    """A model misses a limit; the message is one line with the limit and the value."""
