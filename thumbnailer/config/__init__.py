"""Settings: defaults, value checks, keyword arguments and `config.toml`."""
