"""One script for every claim of speed or error, each against the peer it is compared with, measured in the same run.

`python -m benchmarks.NAME [--quick]` prints a table and gives exit code 1 where a goal is missed.
"""
