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
    "healthy": "#1f8a70",
    "degraded": "#d98e04",
    "stuck": "#8a4fbf",
    "failing": "#c8374a",
    "stale": "#d98e04",
    "idle": "#7a8294",
    "no data": "#7a8294",
}
