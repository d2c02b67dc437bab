"""What can go wrong with a release, said in one line."""


class ReleaseError(Exception):
    """A step that could not be done; the text says why, and what to do."""
