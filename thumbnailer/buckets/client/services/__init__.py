"""How each service is reached: by the variables and files that its own tools read."""
