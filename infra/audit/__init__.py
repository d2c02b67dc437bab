"""What a stack left behind: everything in its clouds that carries its tags after `destroy`. Nothing is deleted."""
