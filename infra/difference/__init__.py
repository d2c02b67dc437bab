"""What a change of the repository does to its stacks, as a comment on a pull request shows it."""
