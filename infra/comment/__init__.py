"""One comment on a pull or merge request, made once and then kept up to date.

Needs the standard library only, so that a pipeline with the right to write installs nothing.
"""

MARK = "<!-- difference of the stacks -->"
"""The first line of the comment, by which it is found again."""
