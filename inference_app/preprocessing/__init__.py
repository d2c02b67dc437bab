"""What clients send into what models take, as each model's metadata declares it."""
