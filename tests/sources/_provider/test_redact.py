"""What is secret goes, and nothing else does."""

import base64
import io
import json
import logging
import sys
import threading
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobledger.sources._provider.json_text import dumps
from jobledger.sources._provider.redact import REDACTED, Redactor, for_log, guard_logging


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
        ("Bearer%20eyJhbGciOiJIUzI1NiJ9.abc", "Bearer%20[redacted]"),
        ("sent Authorization: 00Dxx0000001gPL!AR8AQ", "sent Authorization: [redacted]"),
        ("Authorization: Token 0123456789abcdef", "Authorization: Token [redacted]"),
        ("{'Authorization': 'abcDEFghiJKL'}", "{'Authorization': '[redacted]'}"),
        ('{"access_token":"abcDEFghiJKL"}', '{"access_token":"[redacted]"}'),
        ("X-SFDC-Session:\t00Dxx0000001gPL!AR8AQ.x", "X-SFDC-Session:\t[redacted]"),
        ("POST a=b&refresh_token=5Aep861abcdef&c=d", "POST a=b&refresh_token=[redacted]&c=d"),
        ("client_secret%3DabcDEFghiJKL", "client_secret%3D[redacted]"),
        ("X-Amz-Credential=AKIA/20261127&\n X-Amz-Signature=abc",
         "X-Amz-Credential=[redacted]&\n X-Amz-Signature=[redacted]"),
        ("https%3A//h%3FX-Amz-Signature%3Dabc&x", "https%3A//h%3FX-Amz-Signature%3D[redacted]&x"),
        ("the x-amz-signature: that of the request", None),
        ("authorization: insufficient_privileges", None),
        ("the client_secret is expired; refresh_token: missing", None),
        ("select access_token from t where authorization = 'No'", None),
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
            *("0123456789abc", "S3cret-known!", "Authorization", "access_token", ":", "'", "\n"),
            *(".csv?sig=", "X-Amz-Signature", "%20", "'"),
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


PEM = "-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----\n".format(
    "Ab9/" * 16, "Zx7+" * 16
)
SECRET = "pa ss/w\u00f6rd~?>"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (SECRET, quote(SECRET)),
        (SECRET, quote(SECRET, safe="")),
        (SECRET, quote_plus(SECRET)),
        (SECRET, quote_plus(SECRET).lower()),
        (SECRET, quote(quote(SECRET, safe=""), safe="")),
        (SECRET, json.dumps(SECRET)),
        (SECRET, base64.b64encode(f"{SECRET}:id".encode()).decode()),
        (SECRET, base64.b64encode(f"id:{SECRET}".encode()).decode()),
        (SECRET, base64.urlsafe_b64encode(f"i:{SECRET}>?".encode()).decode()),
        (PEM, PEM),
        (PEM, PEM.replace("\n", "\\n")),
        (PEM.replace("\n", "\\n"), PEM),
        (PEM, f"line 2 is {PEM.splitlines()[1]}"),
    ],
)
def test_a_secret_is_found_however_it_is_written(secret: str, said: str) -> None:
    redactor = Redactor(secret)
    told = redactor.text(f"<{said}>")
    assert REDACTED in told
    inner = [line for line in secret.replace("\\n", "\n").split("\n") if "-----" not in line]
    for each in (secret, *filter(None, inner)):
        assert each not in told
    # in base64 the characters at its ends are made of what stands beside it too
    assert len(told.replace(REDACTED, "")) <= 14
    assert redactor.touches(dumps({"a": said}))


def test_what_logs_a_user_in_goes_from_a_url_without_a_query_and_from_names_of_fields() -> None:
    redactor = Redactor("known-secret")
    assert redactor.text("see ftp://me:pass@host/path") == "see ftp://host/path"
    assert redactor.text("see https%3A%2F%2Fme%3Apass%40host") == "see https%3A%2F%2Fhost"
    assert redactor.value({"known-secret": [{"x known-secret": 1}]}) == {
        REDACTED: [{f"x {REDACTED}": 1}]
    }


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://h.aws.com/a/July data.csv?sig=abc&x=y .", "https://h.aws.com/a/July data.csv ."),
        ("/apps/v1/files/July data.csv?token=abc", "/apps/v1/files/July data.csv"),
        ("get h.s3.amazonaws.com?sig=abc", "get h.s3.amazonaws.com"),
        ("https:&#x2F;&#x2F;h&#x2F;a.json?sig=abc", "https:&#x2F;&#x2F;h&#x2F;a.json"),
        ("https:\\u002f\\u002fh\\u002fa.json?sig=abc", "https:\\u002f\\u002fh\\u002fa.json"),
        ("is it so? a = b", None),
        ("select a ? b = c from d where e=?", None),
        ("really?yes", None),
    ],
)  # fmt: skip
def test_the_query_goes_from_what_is_hardly_a_url(text: str, left: str | None) -> None:
    redactor = Redactor()
    assert redactor.text(text) == (text if left is None else left)
    assert left is None or redactor.touches(dumps({"a": text}))


def test_of_two_accounts_secrets_one_may_begin_with_the_other() -> None:
    kept = [Redactor("abcdefgh"), Redactor("abcdefgh-and-more")]
    assert for_log("it is abcdefgh-and-more") == f"it is {REDACTED}"
    del kept


class Unwritable:
    def __str__(self) -> str:
        raise RuntimeError("not now")


def test_a_log_has_no_secret_in_its_traces_and_ends_nothing() -> None:
    guard_logging()
    kept = Redactor("known-secret")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("tests.redact")
    logger.addHandler(handler)
    try:
        logger.error("%s of known-secret", Unwritable())
        logger.error(Unwritable())
        try:
            int("known-secret")
        except ValueError:
            logger.exception("it was known-secret")
        known_secret = "known-secret"
        logger.error("where %s", known_secret, stack_info=True)
    finally:
        logger.removeHandler(handler)
    told = stream.getvalue()
    assert "known-secret" not in told
    assert told.splitlines()[:2] == [
        f"%s of {REDACTED} (cannot be written)",
        "Unwritable (cannot be written)",
    ]
    assert f"ValueError: invalid literal for int() with base 10: '{REDACTED}'" in told
    assert 'logger.error("where %s", known_secret, stack_info=True)' in told
    del kept
