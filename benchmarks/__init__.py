"""What PERFORMANCE.md quotes, one command each: `python -m benchmarks.throughput` and so on.

Every figure is of whole processes, from start to published file, against a provider of its own on
loopback (`server`); competitors are run in turns with us on the same one. A table goes to stderr,
the same as JSON to stdout. `make bench` runs them all, `tests/benchmarks` each at a tiny size.
"""
