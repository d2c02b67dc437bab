"""Wire formats: bytes to arrays and back, with no knowledge of the HTTP server that carries them."""
