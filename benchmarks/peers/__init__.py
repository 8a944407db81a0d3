"""What else one could use, each set up as its own documentation advises, in the least code."""
