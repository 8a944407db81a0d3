"""What is secret goes, and nothing else does."""

import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobledger.sources._provider.json_text import dumps
from jobledger.sources._provider.redact import Redactor, for_log


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Bearer 00Dxx0000001gPL!AR8AQ", "Authorization: Bearer [redacted]"),
        ("AUTHORIZATION: BEARER eyJhbGciOiJIUzI1NiJ9.abc", "AUTHORIZATION: BEARER [redacted]"),
        ("remote said: Basic dXNlcjpwYXNzd29yZDEyMw== refused",
         "remote said: Basic [redacted] refused"),
        ("oauth\tabcdefGHIJKLmnop", "oauth\t[redacted]"),
        ("select * from p where name = 'Basic Subscription'", None),
        ("Basic authentication is not supported. OAuth authorization-code failed", None),
        ("the bearer representative", None),
        ("BASIC SUBSCRIPTIONS", None),
    ],
)  # fmt: skip
def test_what_authorizes_is_cut_and_words_are_not(text: str, left: str | None) -> None:
    redactor = Redactor()
    assert redactor.text(text) == (text if left is None else left)
    value = {"errorMessage": text}
    assert left is None or redactor.touches(dumps(value))
    assert redactor.value(value) == {"errorMessage": redactor.text(text)}


PIECES = st.lists(
    st.sampled_from(
        [
            *("Bearer", "bEARER", "BASIC", "oauth", " ", "\t", "\u00a0", '"', "\\", "/", "?"),
            *("#", "@", "://", "h", "%3A", "%2F%2f", "%3f", "=", "abcdefghijklm"),
            *("0123456789abc", "S3cret-known!"),
        ]
    ),
    max_size=8,
)  # fmt: skip


@given(PIECES, st.sampled_from(["", "a " * 3000]))
def test_what_is_not_touched_would_not_change(pieces: list[str], before: str) -> None:
    redactor = Redactor("S3cret-known!", "s3!")
    value = {"text": before + "".join(pieces)}
    assert redactor.touches(dumps(value)) or redactor.value(value) == value


def test_an_account_may_be_opened_while_another_one_logs() -> None:
    done = threading.Event()

    def opening() -> None:
        while not done.is_set():
            kept = [Redactor() for _ in range(100)]
            kept.clear()

    thread = threading.Thread(target=opening)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        for _ in range(300):
            assert for_log("nothing secret") == "nothing secret"
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(usual)


def test_a_secret_escaped_for_html_is_found() -> None:
    redactor = Redactor('R&D\'s <client> "secret"')
    for said in (
        "R&amp;D&#x27;s &lt;client&gt; &quot;secret&quot;",
        "R&amp;D&#39;s &lt;client&gt; &quot;secret&quot;",
        'R&amp;D\'s &lt;client&gt; "secret"',
    ):
        assert redactor.text(f"<p>{said} is wrong</p>") == "<p>[redacted] is wrong</p>"
        assert redactor.touches(dumps(said))
