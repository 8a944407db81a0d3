"""What is done with jobs: sync, keep, publish, ask, show."""
