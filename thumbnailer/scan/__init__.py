"""Find the pictures (sources) in folders."""
