"""What a user can get wrong in a preview; each message is one line and the command exits with 2."""


class PreviewError(Exception):
    """A preview that cannot be made, said in one line."""


class StackFileError(PreviewError):
    """A stack file, or a `--set` on it, that cannot be read."""


class OverrideError(PreviewError):
    """A `--set output...` that fills nothing, or fills it with the wrong type."""
