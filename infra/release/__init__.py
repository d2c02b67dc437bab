"""An image on its way from the build to a stack: pushed once, signed, verified, copied by its digest."""
