"""What readers see: one view a file. See README.md beside this."""
