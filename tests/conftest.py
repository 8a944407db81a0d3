"""What all tests share: how long properties are looked at."""

import os

from hypothesis import settings

HISTORIES = int(os.environ.get("JOBLEDGER_HISTORIES", "100"))
"""How many random histories are told; `JOBLEDGER_HISTORIES=5000` for a night's worth."""

# the same in every run unless more is asked for: a red build is red again when looked at
settings.register_profile("same", derandomize=True, print_blob=True)
settings.register_profile("more", derandomize=False, print_blob=True)
settings.load_profile("more" if "JOBLEDGER_HISTORIES" in os.environ else "same")
