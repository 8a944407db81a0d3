"""What a login sends, to whom, and what of it is never shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jobledger.sources._provider.errors import CredentialsRefused, NotKept, UnsafeReply
from jobledger.sources._provider.kept import Kept

from .accounts import SALESFORCE, SECRET, TOKEN, calls, salesforce

LOGIN = f"{SALESFORCE}/services/oauth2/token"
ROTATING = {"client_id": "3MVG9", "client_secret": SECRET, "refresh_token": "5Aep861FIRST"}


def quoting(name: str, sent: list[str]) -> Callable[[Any], tuple[int, dict[str, str], str]]:
    """A login that refuses what it was sent, and says what that was."""

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        (value,) = parse_qs(request.body)[name]
        sent.append(value)
        told = {"error": "invalid_grant", "error_description": f"{value} will not do"}
        return 400, {}, json.dumps(told)

    return answer


def refusal(account: Any) -> str:
    with pytest.raises(CredentialsRefused) as raised:
        account.client().get("/jobs")
    return str(raised.value).partition("; check ")[0]


def test_a_login_that_quotes_a_refresh_token_that_another_sync_has_kept(
    tmp_path: Path, http: Any
) -> None:
    sent: list[str] = []
    http.remove("POST", LOGIN)
    http.add_callback("POST", LOGIN, quoting("refresh_token", sent))
    account = salesforce(tmp_path, credentials=ROTATING)
    # after ours was made, before it logs in
    kept = Kept(tmp_path / ".dlt" / "kept.toml")
    kept.keep_refresh_token("salesforce", ROTATING["refresh_token"], "5Aep861SECOND")
    assert refusal(account) == (
        "source 'salesforce' cannot log in by a refresh token:"
        " acme.my.salesforce.com/services/oauth2/token: HTTP 400: invalid_grant:"
        " [redacted] will not do"
    )
    assert sent == ["5Aep861SECOND"]


def test_a_login_that_quotes_the_assertion_it_was_sent(tmp_path: Path, http: Any) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    signed = {"client_id": "3MVG9", "username": "sync@acme.example", "private_key": key.decode()}
    sent: list[str] = []
    http.remove("POST", LOGIN)
    http.add_callback("POST", LOGIN, quoting("assertion", sent))
    assert refusal(salesforce(tmp_path, credentials=signed)) == (
        "source 'salesforce' cannot log in by JWT bearer:"
        " acme.my.salesforce.com/services/oauth2/token: HTTP 400: invalid_grant:"
        " [redacted] will not do"
    )
    assert [len(each.split(".")) for each in sent] == [3]


@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_login_is_redirected_nowhere_not_even_on_its_host(
    tmp_path: Path, http: Any, status: int
) -> None:
    there = {"Location": "/services/oauth2/elsewhere"}
    http.replace("POST", LOGIN, status=status, headers=there)
    for method in ("GET", "POST"):
        http.add(method, f"{SALESFORCE}{there['Location']}", json={"access_token": TOKEN})
    http.get(f"{SALESFORCE}/jobs", json={"done": True})
    with pytest.raises(UnsafeReply) as raised:
        salesforce(tmp_path).client().get("/jobs")
    assert str(raised.value) == (
        "acme.my.salesforce.com redirects to https://acme.my.salesforce.com:443,"
        " which is not followed"
    )
    assert (calls(http, "/token"), len(http.calls)) == (1, 1)


def test_no_login_is_sent_whose_next_refresh_token_could_not_be_kept(
    tmp_path: Path, http: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = salesforce(tmp_path, credentials=ROTATING)
    kept = Kept(tmp_path / ".dlt" / "kept.toml")
    kept.keep_refresh_token("salesforce", ROTATING["refresh_token"], "5Aep861SECOND")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    http.replace("POST", LOGIN, json={"access_token": TOKEN, "refresh_token": "5Aep861THIRD"})
    http.get(f"{SALESFORCE}/jobs", json={"done": True})
    with monkeypatch.context() as patch:
        patch.setattr("jobledger.sources._provider.kept._write_durably", full)
        with pytest.raises(NotKept) as raised:
            account.client().get("/jobs")
    assert str(raised.value) == (
        f"{kept.path} cannot be written (No space left on device);"
        " nothing was used that would have to be kept"
    )
    assert len(http.calls) == 0
    # so that the token which is there still does once there is room
    again = salesforce(tmp_path, credentials=ROTATING)
    assert again.client().get("/jobs") == {"done": True}
    assert kept.refresh_token("salesforce", ROTATING["refresh_token"]) == "5Aep861THIRD"
