"""What a user may want to be hidden of a record: who ran the job, and the text of its query."""

import html
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from jobledger.sources._provider.json_text import dumps
from jobledger.sources._provider.kind import Kind
from jobledger.sources._provider.model import Record
from jobledger.sources._provider.redact import REDACTED, user_hash

_NO_USERS: Final = ("object", "operation", "provider_status")
"""Columns that never name a user, whatever they say."""
_SHORT_NAME: Final = 3
_WHOLE_QUERY: Final = 8


class Privacy:
    """What is hidden of the records of one kind of one source."""

    def __init__(self, kind: Kind, user_key: bytes | None, *, keeps_query: bool) -> None:
        """`user_key` hashes the users' names; None keeps them."""
        self._kind = kind
        self._user_key = user_key
        self._dropped = () if keeps_query else kind.query_text
        told = (kind.fields[name].places for name in _NO_USERS if name in kind.fields)
        self._not_users = {kind.id_field, *(place for places in told for place, _ in places)}

    @property
    def hides(self) -> bool:
        """Whether anything is hidden."""
        return bool(self._dropped) or self.hides_users

    @property
    def hides_users(self) -> bool:
        """Whether users are."""
        return self._user_key is not None

    def without_query(self, record: Record) -> Record:
        """The record without its query, which its other texts may quote."""
        if not any(name in record for name in self._dropped):
            return record
        kept = {key: value for key, value in record.items() if key not in self._dropped}
        # an error may quote it whole; a short one could as well be any other word
        texts = [text for name in self._dropped if isinstance(text := record.get(name), str)]
        quoted = {text.strip(): REDACTED for text in texts if len(text.strip()) >= _WHOLE_QUERY}
        return {
            key: value if key == self._kind.id_field else _replaced(value, quoted)
            for key, value in kept.items()
        }

    def without_users(self, record: Record) -> Record:
        """The record with each name it gives a user replaced by a hash wherever it stands."""
        if self._user_key is None:
            return record
        hashes: dict[str, str] = {}
        for name in self._kind.users:
            user = record.get(name)
            if user is not None and user != "":
                shown = user if isinstance(user, str) else dumps(user).decode()
                # a URL or a page of HTML in the record may have it too
                spellings = (quote(shown, safe=""), html.escape(shown), shown)
                hashes |= dict.fromkeys(spellings, user_hash(self._user_key, shown))
                record = {**record, name: shown}
        if not hashes:
            return record
        # a user may be called as an object or a status is
        kept = {name: record[name] for name in self._not_users if name in record}
        return {**_replaced(record, hashes), **kept}

    def of(self, place: str | None, value: Any) -> Any:
        """What may be shown of a value that stands at this place: a record, several, or a field."""
        if self._user_key is not None and place in self._kind.users:
            return user_hash(self._user_key, dumps(value).decode())
        if isinstance(value, list):
            return [self.of(place, each) for each in value]
        return self.without_users(self.without_query(value)) if isinstance(value, dict) else value


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    """The value with every name in its texts replaced; a short one only where it stands alone."""
    if isinstance(value, str):
        if value in names:
            return names[value]
        for name, hashed in names.items():
            if "@" in name:
                # a mail address is the same in other letters
                value = re.sub(re.escape(name), hashed, value, flags=re.IGNORECASE)
            elif len(name) > _SHORT_NAME:
                value = value.replace(name, hashed)
        return value
    if isinstance(value, list):
        return [_replaced(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, names) for key, item in value.items()}
    return value
