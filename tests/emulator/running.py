"""Asking the emulator, for tests that need no client of their own."""

from datetime import UTC, datetime
from typing import Any

import requests

from jobledger.emulator import Running
from jobledger.emulator.tokens import (
    SALESFORCE_CLIENT_ID,
    SALESFORCE_CLIENT_SECRET,
    ZUORA_CLIENT_ID,
    ZUORA_CLIENT_SECRET,
)

NOW = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
"""A Tuesday afternoon."""
DATA = "/services/data/v62.0"


def zuora_token(running: Running, **fields: str) -> requests.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": ZUORA_CLIENT_ID,
        "client_secret": ZUORA_CLIENT_SECRET,
    }
    return requests.post(f"{running.base_url}/oauth/token", data={**form, **fields}, timeout=10)


def salesforce_token(running: Running, **fields: str) -> requests.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": SALESFORCE_CLIENT_ID,
        "client_secret": SALESFORCE_CLIENT_SECRET,
    }
    url = f"{running.base_url}/services/oauth2/token"
    return requests.post(url, data={**form, **fields}, timeout=10)


class Asker:
    """Asks for paths with a token of the provider whose path it is."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.zuora = zuora_token(running).json()["access_token"]
        self.salesforce = salesforce_token(running).json()["access_token"]

    def ask(self, path: str, headers: dict[str, str] | None = None, **how: Any) -> Any:
        """The response to a GET; `how` goes to requests."""
        token = self.salesforce if path.startswith("/services") else self.zuora
        headers = {"Authorization": f"Bearer {token}", "X-SFDC-Session": token, **(headers or {})}
        how = {"timeout": 10, "allow_redirects": False, **how}
        return requests.get(f"{self.running.base_url}{path}", headers=headers, **how)

    def json(self, path: str) -> Any:
        """The JSON of a good answer."""
        response = self.ask(path)
        assert response.status_code == 200, response.text
        return response.json()
