"""What keeps a pull from succeeding."""


class PullError(Exception):
    """The models cannot be had; the message is one line: where, what must hold, what was found, what to do."""


class PassingError(PullError):
    """What may be otherwise when it is asked again; the message is the reason alone."""
