"""The repository's tests; a package, so that no dependency's folder of that name hides it."""
