"""What each status and each health looks like, wherever it is shown."""

from typing import Final

STATUS: Final = {
    "succeeded": "#2a9d6f",
    "partial": "#e0a100",
    "failed": "#d1453b",
    "cancelled": "#8a94a6",
    "vanished": "#b49ad6",
    "queued": "#7fb0e0",
    "running": "#2f7ed8",
    "unknown": "#c45fb8",
}
"""Colours that differ in lightness too, for those who see few of them apart."""
HEALTH: Final = {
    "healthy": "#2a9d6f",
    "degraded": "#e0a100",
    "stuck": "#d9730d",
    "failing": "#d1453b",
    "stale": "#8e5cc2",
    "idle": "#8a94a6",
    "no data": "#8a94a6",
}
