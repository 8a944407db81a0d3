"""A Singer tap, written with `singer-sdk` as its documentation has it.

Runs in a virtual environment of its own, away from ours: `python singer_tap.py --config FILE`.
"""

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import OAuthAuthenticator
from singer_sdk.pagination import JSONPathPaginator


class Authenticator(OAuthAuthenticator):
    """Client credentials."""

    @property
    def oauth_request_body(self):
        """The form of the token request."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


class Jobs(RESTStream):
    """Custom object bulk jobs."""

    name = "jobs"
    path = "/objects/jobs"
    primary_keys = ("Id",)
    records_jsonpath = "$.jobs[*]"
    schema = th.PropertiesList(
        th.Property("Id", th.StringType, required=True),
        th.Property("CreatedById", th.StringType),
        th.Property("CreatedDate", th.DateTimeType),
        th.Property("UpdatedById", th.StringType),
        th.Property("UpdatedDate", th.DateTimeType),
        th.Property("namespace", th.StringType),
        th.Property("object", th.StringType),
        th.Property("operation", th.StringType),
        th.Property("status", th.StringType),
        th.Property("processingTime", th.IntegerType),
        th.Property("recordsProcessed", th.IntegerType),
        th.Property(
            "error",
            th.ObjectType(
                th.Property("code", th.IntegerType), th.Property("message", th.StringType)
            ),
        ),
    ).to_dict()

    @property
    def url_base(self):
        """The provider's address."""
        return self.config["base_url"]

    @property
    def authenticator(self):
        """One token for all requests."""
        if not hasattr(self, "_authenticator"):
            self._authenticator = Authenticator(
                auth_endpoint=f"{self.url_base}/oauth/token",
                client_id="0" * 36,
                client_secret="not-a-secret-at-all",
            )
        return self._authenticator

    def get_new_paginator(self):
        """The next page is the one after this one's cursor."""
        return JSONPathPaginator("$.cursor")

    def get_url_params(self, context, next_page_token):  # noqa: ARG002 - the SDK's
        """The page to ask for."""
        params = {"pageSize": 100}
        return {**params, "cursor": next_page_token} if next_page_token else params


class TapJobs(Tap):
    """The tap."""

    name = "tap-jobs"
    config_jsonschema = th.PropertiesList(
        th.Property("base_url", th.StringType, required=True)
    ).to_dict()

    def discover_streams(self):
        """Its one stream."""
        return [Jobs(self)]


if __name__ == "__main__":
    TapJobs.cli()
