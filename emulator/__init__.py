"""The providers' job APIs, served on this machine: the demo's and the tests' provider."""
