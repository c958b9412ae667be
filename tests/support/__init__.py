"""What tests share: pictures made on the spot, the program as it is run, and ways to disturb it."""
