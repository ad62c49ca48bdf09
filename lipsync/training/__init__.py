"""How the shipped weights are made. Not needed for rendering."""
