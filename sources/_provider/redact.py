"""Keeping secrets out of what is stored, shown or logged.

Query strings go from every URL, inside free text too, since a presigned URL is a secret; so do
fragments and what stands before an `@`. Secrets that we know (from the settings, and the tokens we
were given) are replaced wherever they turn up, written in any of the usual ways.
"""

import base64
import hashlib
import hmac
import html
import json
import logging
import re
import threading
import traceback
import unicodedata
from typing import Any, Final
from urllib.parse import quote, quote_plus
from weakref import WeakSet

REDACTED: Final = "[redacted]"
_WHOLE_WORD: Final = 6
"""A secret shorter than this is replaced only where it stands by itself."""
_TOO_SHORT: Final = 3
"""A secret shorter than this is a word like any other, and left alone."""
_ENCODED: Final = 8
"""A secret shorter than this is not looked for in base64, where chance would find it."""

# a URL ends at a space, a quote or an angle bracket; JSON inside text may escape its slashes
_STOP: Final = r"\s\"<>\x00-\x1f"
_IN_URL: Final = rf"(?:[^{_STOP}\\]|\\(?!\"))"
_SLASH: Final = r"(?:\\*/)"
_SCHEME: Final = r"[a-z][a-z0-9+.\-]{0,30}"
# each of these takes a whole URL, with a query or without, so that no text is slow to go through
_USERINFO: Final = re.compile(
    rf"({_SCHEME}:{_SLASH}{{2}})[^{_STOP}/\\?#@]*(?:@[^{_STOP}/\\?#@]*)*@", re.IGNORECASE
)
_ABSOLUTE: Final = re.compile(
    rf"({_SCHEME}:{_SLASH}{{2}}[^{_STOP}?#]*)(?:[?#]{_IN_URL}+)?", re.IGNORECASE
)
_ROOTED: Final = re.compile(
    rf"((?<![^\s\"'<>(\[{{=,:]){_SLASH}[^{_STOP}?#]*)"
    rf"(?:\?{_IN_URL}+|#[^{_STOP}=]{{0,200}}={_IN_URL}*)?"
)
_BARE: Final = re.compile(
    rf"((?<![^\s\"'<>])[^{_STOP}?#/]+/[^{_STOP}?#]*)(?:[?#][^{_STOP}=]*={_IN_URL}*)?"
)
_ENCODED_URL: Final = re.compile(
    rf"({_SCHEME}%(?:25)*3a(?:%(?:25)*2f){{2}}[^{_STOP}&]*?)"
    rf"(?:%(?:25)*(?:3f|23)[^{_STOP}&]+|(?=[{_STOP}&]|\Z))",
    re.IGNORECASE,
)
_ENCODED_USERINFO: Final = re.compile(
    rf"({_SCHEME}%(?:25)*3a(?:%(?:25)*2f){{2}})(?:(?!%(?:25)*2f)[^{_STOP}&]){{0,500}}?%(?:25)*40",
    re.IGNORECASE,
)
# what is left of a URL with a blank in its path, or with no slash at all
_QUERY: Final = re.compile(
    rf"(?<=[\w)\]%;])\?[a-z][\w.\-%\[\]]{{0,100}}=[^{_STOP}]*", re.IGNORECASE
)
# a word of any language has no digit, none of these signs, and no capital letter inside
_CREDENTIAL: Final = r"(?=[\w\-.~+/=!%]*(?:[\d+/=]|(?-i:[a-z][A-Z])))[\w\-.~+/=!%]{12,}"
_BEARER: Final = re.compile(rf"\b(bearer|basic|oauth)(\s+|%20){_CREDENTIAL}", re.IGNORECASE)
_NAMED: Final = re.compile(
    r"\b(authorization|x-sfdc-session|(?:access|refresh|id)_token|client_(?:secret|assertion))"
    rf"(\\*[\"']?[ \t\r\n]*(?:=|%3d|:(?=[ \t\r\n]|\\*\"))[ \t\r\n]*\\*[\"']?(?:token +)?)"
    rf"{_CREDENTIAL}",
    re.IGNORECASE,
)
# wherever the rest of a presigned URL went: no word that is written like this says anything else
_SIGNED: Final = re.compile(
    r"((?:awsaccesskeyid|x-(?:amz|goog)-(?:signature|credential|security-token))(?:=|%3d))"
    rf"[^{_STOP}&]+",
    re.IGNORECASE,
)
_AUTHORIZING: Final = (b"bearer", b"basic", b"oauth")
_NAMES: Final = (
    *(b"authorization", b"sfdc", b"_token", b"client_", b"awsaccess", b"x-amz", b"x-goog"),
)
"""Of each name that `_NAMED` or `_SIGNED` looks for, a part."""
_ENDS: Final = (
    *(*_AUTHORIZING, b"authorization", b"sfdc-session"),
    *(b"_token", b"client_secret", b"client_assertion"),
)
"""How what stands before a blank or a colon ends, where it authorizes."""
_FEW_BLANKS: Final = 2000


def without_queries(text: str) -> str:
    """The text with the query, fragment and user part cut from every URL in it."""
    if ":" in text and "/" in text:
        if "@" in text:
            text = _USERINFO.sub(r"\1", text)
        if "?" in text or "#" in text:
            text = _ABSOLUTE.sub(r"\1", text)
    if "/" in text and ("?" in text or "#" in text):
        text = _ROOTED.sub(r"\1", text)
        if "=" in text:
            text = _BARE.sub(r"\1", text)
    if "?" in text and "=" in text:
        text = _QUERY.sub("", text)
    if "%" in text and re.search("%(?:25)*3a", text, re.IGNORECASE):
        text = _ENCODED_USERINFO.sub(r"\1", text)
        text = _ENCODED_URL.sub(r"\1", text)
    return text


def without_authorization(text: str) -> str:
    """The text without what authorizes in any header that is quoted in it."""
    text = _BEARER.sub(rf"\1\2{REDACTED}", text)
    if "=" in text or ":" in text or "%" in text:
        text = _NAMED.sub(rf"\1\2{REDACTED}", text)
        text = _SIGNED.sub(rf"\1{REDACTED}", text)
    return text


def one_line(text: str, limit: int) -> str:
    """The text without query strings, control characters or line breaks, and not too long."""
    shown = without_queries(text[: limit * 20])
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in shown)
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


USER_HASH: Final = "user:"
"""What the hash of a user's name begins with."""


def user_hash(key: bytes, user: str) -> str:
    """A user's name as a keyed hash: the same name gives the same hash, and none is given back."""
    digest = hmac.new(key, user.encode(errors="surrogatepass"), hashlib.sha256)
    return f"{USER_HASH}{digest.hexdigest()[:16]}"


class Redactor:
    """Takes known secrets, and the query strings of URLs, out of texts and JSON values."""

    def __init__(self, *secrets: str) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._needles: tuple[str, ...] = ()
        self._bytes: tuple[bytes, ...] = ()
        self._words: tuple[re.Pattern[str], ...] = ()
        for secret in secrets:
            self.learn(secret)
        with _MAKING:
            _REDACTORS.add(self)

    def learn(self, secret: str) -> None:
        """From now on this is a secret too: a token, or what a login was made with."""
        with self._lock:
            if secret in self._known or len(secret.strip()) < _TOO_SHORT:
                return
            self._known.add(secret)
            if len(secret) < _WHOLE_WORD:
                word = re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")
                self._words = (*self._words, word)
                return
            # longest first, so that no part of one is left over after a shorter one
            needles = sorted({*self._needles, *_spellings(secret)}, key=len, reverse=True)
            self._needles = tuple(needles)
            in_json = (json.dumps(needle, ensure_ascii=False)[1:-1] for needle in needles)
            self._bytes = tuple(dict.fromkeys(each.encode(errors="replace") for each in in_json))

    @property
    def needles(self) -> tuple[str, ...]:
        """What it looks for, longest first."""
        return self._needles

    def text(self, text: str) -> str:
        """The text without what is secret."""
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, REDACTED)
        for word in self._words:
            text = word.sub(REDACTED, text)
        return without_queries(without_authorization(text))

    def touches(self, raw: bytes) -> bool:
        """Whether `value` might change a JSON value that is written like this; quick."""
        return (
            (b"/" in raw and (b"?" in raw or b"#" in raw or (b"@" in raw and b":" in raw)))
            or (b"?" in raw and b"=" in raw)
            or (b"%" in raw and (b"%3" in raw or b"%25" in raw))
            or any(_has(raw, needle) for needle in self._bytes)
            or _authorizes(raw)
            or (
                bool(self._words)
                and any(w.search(raw.decode(errors="replace")) for w in self._words)
            )
        )

    def value(self, value: Any) -> Any:
        """The JSON value with every text in it redacted, keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {
                self.text(key) if isinstance(key, str) else key: self.value(item)
                for key, item in value.items()
            }
        return value


def _authorizes(raw: bytes) -> bool:
    """Whether `without_authorization` might find something.

    A word or a name with a blank after it, or a name with a sign that JSON seldom has.
    """
    if b"=" in raw or b"%" in raw:
        lower = raw.lower()
        names = (*_NAMES, *_AUTHORIZING) if b"%20" in raw else _NAMES
        if any(name in lower for name in names):
            return True
    if raw.isascii():
        # other blanks are written with a backslash, and so are quotes; where there are few, looking
        # before each is four times as fast
        ends = raw.replace(b"\\", b" ").split(b" ", _FEW_BLANKS)
        if len(ends) <= _FEW_BLANKS:
            return any(each[-24:].rstrip(b"\"':").lower().endswith(_ENDS) for each in ends[:-1])
    lower = raw.lower()
    return any(_has(lower, word) for word in (*_AUTHORIZING, *_NAMES))


def _has(raw: bytes, needle: bytes) -> bool:
    """Whether it is in there; its letters alone are looked for a hundred times faster."""
    return all(map(raw.__contains__, needle)) and needle in raw


_REDACTORS: WeakSet[Redactor] = WeakSet()
_MAKING: Final = threading.RLock()
"""Reentrant, since whatever is thrown away meanwhile may log too."""


def _spellings(secret: str) -> set[str]:
    """The secret as it may be written: as it is, URL-encoded, escaped (JSON, HTML), in base64."""
    found = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    safe = secret.encode(errors="surrogatepass")
    for encoded in (quote(safe, safe=""), quote(safe), quote_plus(safe)):
        found |= {encoded, re.sub("%..", lambda match: match[0].lower(), encoded)}
    found |= {quote(each, safe="") for each in list(found) if "%" in each}
    for escaped in (html.escape(secret), html.escape(secret, quote=False)):
        found |= {escaped, escaped.replace("&#x27;", "&#39;"), escaped.replace("&#x27;", "'")}
    lines = [line for line in re.split(r"\s+|\\n", secret) if not line.startswith("-----")]
    if len(lines) > 1:
        # a key in PEM: a single line of it, or all of them run together, tell it too
        found |= {line for line in lines if len(line) >= 2 * _ENCODED}
        found.add(secret.replace("\\n", "\n"))
        found.add(secret.replace("\n", "\\n"))
    if len(secret) >= _ENCODED and "-----BEGIN" not in secret:
        for shift in range(3):
            # whatever stands before it, its inner characters come out in one of three ways
            start = (shift * 4 + 2) // 3
            end = (shift + len(safe)) * 4 // 3
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                found.add(encode(b"\0" * shift + safe)[start:end].decode())
    return {each for each in found if len(each) >= _WHOLE_WORD}


def for_log(text: str) -> str:
    """The text without any secret that any redactor of this process knows."""
    with _MAKING:
        redactors = list(_REDACTORS)
    # longest first over all of them: of two accounts' secrets, one may begin with the other
    needles = {needle for redactor in redactors for needle in redactor.needles}
    for needle in sorted(needles, key=len, reverse=True):
        text = text.replace(needle, REDACTED)
    for redactor in redactors:
        text = redactor.text(text)
    return without_authorization(without_queries(text))


def guard_logging() -> None:
    """Sees to it that no logger of any library writes a secret or a query string, at any level.

    Every redactor that is alive takes part, so that tokens learnt later are known as well. Calling
    it again changes nothing.
    """
    make = logging.getLogRecordFactory()
    if not getattr(make, "is_guarded", False):
        logging.setLogRecordFactory(_Guarded(make))


class _Guarded:
    """Makes log records whose message, and traceback if there is one, are redacted already."""

    is_guarded = True

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - what an argument's own text raises must not end a sync
            told = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
            message = f"{told} (cannot be written)"
        record.msg, record.args = for_log(message), None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = for_log(
                "".join(traceback.format_exception(*record.exc_info))
            ).rstrip()
            record.exc_info = None
        if record.stack_info:
            record.stack_info = for_log(record.stack_info)
        return record
