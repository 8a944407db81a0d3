"""Numbers as people say them."""

from datetime import UTC, datetime, timedelta

import pytest

from jobledger.pipelines.output.grid import printable
from jobledger.pipelines.wording import ago, many, rough, share, span

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [
        (None, "–", "–"),
        (0, "0s", "0s"),
        (0.04, "0.0s", "0s"),
        (9.94, "9.9s", "10s"),
        (9.96, "10s", "10s"),
        (59.6, "1m", "60s"),
        (137, "2m 17s", "2m"),
        (3599.6, "1h", "60m"),
        (3900, "1h 5m", "65m"),
        (86399, "1d", "24h"),
        (200000, "2d 8h", "2d"),
        (-90, "-1m 30s", "-90s"),
    ],
)
def test_how_long(seconds: float | None, long: str, short: str) -> None:
    assert (span(seconds), rough(seconds)) == (long, short)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-7200, "in 2h"),
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (2 * 86400 - 1, "47 h ago"),
        (2 * 86400, "2 days ago"),
    ],
)
def test_how_long_ago(seconds: float, said: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == said
    assert ago(None, NOW) == "never"


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (None, "–"),
        (0, "0 %"),
        (0.0001, "0.1 %"),
        (0.7083, "70.8 %"),
        (0.99999, "99.9 %"),
        (1, "100 %"),
    ],
)
def test_shares_never_round_to_all_or_none(rate: float | None, said: str) -> None:
    assert share(rate) == said


def test_how_many() -> None:
    assert [many(1, "job"), many(1204, "job"), many(0, "day")] == ["1 job", "1,204 jobs", "0 days"]


def test_spaces_of_other_languages_are_spaces_and_what_hides_is_written_out() -> None:
    assert printable("Erreur\u00a0: 東京\u3000支店") == "Erreur : 東京 支店"
    assert printable("a\u202eb\x1b\n") == r"a\u202eb\x1b\n"
