"""How worker processes are started: apart from the program, whatever that is."""
