"""A provider that answers as it is told, within the process."""

from collections.abc import Iterator

import pytest
import responses

from .accounts import SALESFORCE, TOKEN, ZUORA


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{ZUORA}/oauth/token", json={"access_token": TOKEN, "expires_in": 3599})
        mock.post(f"{SALESFORCE}/services/oauth2/token", json={"access_token": TOKEN})
        yield mock


@pytest.fixture(autouse=True)
def longest_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    # full jitter's upper bound, so that waits can be told
    monkeypatch.setattr("random.uniform", lambda low, high: high)
