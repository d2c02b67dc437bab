"""Images and labels of the user's own, from where they lie to arrays that a network trains on."""
