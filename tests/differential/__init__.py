"""Every kind of picture that free encoders write, decoded here and by others, and compared."""
