"""What each status and each health looks like: as on the report's page (`page.css` there)."""

from typing import Final

STATUS: Final = {
    "succeeded": "#4fae96",
    "partial": "#e7ac3c",
    "failed": "#d5485b",
    "cancelled": "#b4bac6",
    "vanished": "#b79ad8",
    "queued": "#8ab4e0",
    "running": "#3f7fd0",
    "unknown": "#c45fb8",
}
HEALTH: Final = {
    "healthy": "#197a62",
    "degraded": "#966000",
    "stuck": "#8a4fbf",
    "failing": "#c8374a",
    "stale": "#c8374a",
    "idle": "#666e80",
    "no data": "#666e80",
}
