"""What keeps a pull from succeeding."""


class PullError(Exception):
    """The models cannot be had; the message is one line: where, what must hold, what was found, what to do."""
