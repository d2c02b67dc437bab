"""How models get into a repository on disk, whole or not at all; the training image has no more than Python for it."""
