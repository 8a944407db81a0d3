"""A project folder: where things are in it, and what the user has set.

A value comes from the environment, else from `.dlt/secrets.toml`, else from `.dlt/config.toml`,
named as dlt names it: `SOURCES__ZUORA_EU__CREDENTIALS__CLIENT_SECRET` is `client_secret` under
`[sources.zuora_eu.credentials]`. Unlike dlt we never look further up: a secret is one source's or
nobody's.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from jobledger.pipelines.errors import ConfigError, choices, unwritable
from jobledger.pipelines.settings import READ, base_url, duration, listed, optional
from jobledger.sources._provider.settings import SourceSettings

_NAME: Final = re.compile(r"[a-z](?:[a-z0-9]|_(?!_))*")
_LONGEST: Final = 64
"""What dlt takes for the name of a source."""
_KEYS: Final = ("provider", "base_url", "kinds", *READ)
_CREDENTIALS: Final = frozenset(
    {"client_id", "client_secret", "refresh_token", "username", "private_key", "audience"}
)
_SECTIONS: Final = {
    "warehouse": ("path",),
    "sync": ("time_limit",),
    "schedule": ("every", "cron"),
}
_FILES: Final = (".dlt/config.toml", ".dlt/secrets.toml")
_DLTS: Final = frozenset(
    {
        *("runtime", "extract", "normalize", "load", "schema", "data_writer", "destination"),
        *("pipelines", "workspace", "credentials"),
    }
)
"""Sections of dlt's own, for other pipelines in the folder."""
_SCHEMAS: Final = ("loaded", "staging")
_NEAR: Final = 0.75
"""How alike two words are of which one may be a slip for the other, 0 to 1."""
_ALIKE: Final = 0.8
"""How alike two names of sources are, of which one may be the other's and more: zuora, zuora_eu."""


def _at_home(path: str) -> Path:
    """The path, with ~ as the user's folder. Raises `ConfigError` for a user who has none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{path}: there is no such user's folder; write the whole path") from None


@dataclass(frozen=True)
class Project:
    """The folder with `.dlt/` in it."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @classmethod
    def find(cls, option: str | None = None) -> "Project":
        """The folder of `--project`, of `JOBLEDGER_PROJECT`, or the present one.

        Raises `ConfigError` where there is none.
        """
        named = option or os.environ.get("JOBLEDGER_PROJECT")
        folder = _at_home(named or ".").absolute()
        if folder.is_file():
            raise ConfigError(
                f"{folder} is a file: name the project's folder, which has .dlt/ in it"
            )
        if named and not folder.is_dir():
            raise ConfigError(f"there is no folder {folder}; make it, or name another project")
        if os.name == "posix" and os.fsencode(folder) != str(folder).encode("utf-8", "replace"):
            raise ConfigError(
                f"{folder} has letters in its name that are no UTF-8 in this locale, so that DuckDB"
                " cannot open what is in it; set PYTHONUTF8=1, or rename it"
            )
        return cls(folder)

    @property
    def warehouse(self) -> Path:
        """The file that readers open.

        Raises `ConfigError` for a path that it cannot have, and where the settings that may name
        another one may not be read.
        """
        said = self._text(("warehouse", "path")) or "jobs.duckdb"
        if not isinstance(said, str):
            raise ConfigError('[warehouse] path: expected a text such as "jobs.duckdb"')
        path = self.folder / _at_home(said)
        if path.is_dir():
            raise ConfigError(f"[warehouse] path: {path} is a folder: expected a file's path")
        if path.stem.lower() in _SCHEMAS:
            # DuckDB takes the name of the file for that of a database
            raise ConfigError(
                f"[warehouse] path: a file called {path.stem} hides the tables in it: expected"
                " another name, such as jobs.duckdb"
            )
        if not path.exists():
            self._all_read()
        return path

    @property
    def state_dir(self) -> Path:
        """Jobledger's own folder."""
        return self.folder / ".jobledger"

    @property
    def ledger(self) -> Path:
        """The writer's file, which `warehouse` is published from."""
        return self.state_dir / "ledger.duckdb"

    @property
    def secrets_file(self) -> Path:
        """The user's secrets, as far as they are in a file."""
        return self.folder / _FILES[1]

    @property
    def kept_file(self) -> Path:
        """What jobledger itself has to remember beside the user's settings."""
        return self.folder / ".dlt" / "kept.toml"

    def make_state_dir(self) -> Path:
        """Jobledger's own folder, made if it is not there, for nobody else to read.

        Raises `ConfigError` where it cannot be.
        """
        try:
            self.state_dir.mkdir(mode=0o700, exist_ok=True)
            # one that came back from a backup may have been opened to all
            self.state_dir.chmod(self.state_dir.stat().st_mode & 0o700)
            self.warehouse.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(error.filename, error) from None
        return self.state_dir

    def output(self, path: str | None) -> Path | None:
        """Where `-o` says to write to; None is stdout, which `-` names too.

        Raises `ConfigError` for a path of the ledger's or the settings', and for one that says
        nothing.
        """
        if path is None or path == "-":
            return None
        if not path:
            # a shell's variable that is not set
            raise ConfigError("-o is empty: expected a file, or - for stdout")
        chosen = _at_home(path)
        real = chosen.resolve()
        for own in (self.warehouse, self.state_dir, self.folder / ".dlt"):
            if real == own.resolve() or own.resolve() in real.parents:
                raise ConfigError(f"{path} is jobledger's own: expected another -o")
        return chosen

    @property
    def sql_dir(self) -> Path:
        """The project's own views."""
        return self.folder / "sql"

    @property
    def time_limit(self) -> timedelta:
        """How long a sync may take."""
        return self._duration(("sync", "time_limit")) or timedelta(hours=2)

    @property
    def schedule(self) -> tuple[str | None, str | None]:
        """How often a sync is meant to run: as a time span, or as a cron expression."""
        every, cron = self._text(("schedule", "every")), self._text(("schedule", "cron"))
        return optional(every), optional(cron)

    # sources

    def source_names(self) -> list[str]:
        """The sources that are declared, in files or in the environment alone.

        Raises `ConfigError` for a name that none can have, and for settings that may not be read.
        """
        self._all_read()
        names = set()
        for settings in self._files:
            sources = settings.get("sources", {})
            if not isinstance(sources, dict):
                raise ConfigError("'sources' is a value: expected sections such as [sources.zuora]")
            names |= {name for name, value in sources.items() if isinstance(value, dict)}
        for variable in self.environment:
            parts = variable.split("__")
            if len(parts) > 2 and parts[0] == "SOURCES":  # noqa: PLR2004 - SOURCES, name, key
                names.add(parts[1].lower())
        names = {name for name in names if _is_ours(self._section(("sources", name)))}
        for name in names:
            if not _NAME.fullmatch(name) or len(name) > _LONGEST:
                raise ConfigError(
                    f"'{name}' is no name for a source: expected lower-case letters, digits and"
                    f" single underscores, {_LONGEST} at the most, a letter first, as in zuora_eu"
                )
        return sorted(names)

    def sources(
        self, kinds: Mapping[str, Sequence[str]], only: Sequence[str] | None = None
    ) -> list[SourceSettings]:
        """The settings of all sources, or of those named.

        `kinds` names every provider's kinds. Raises `ConfigError`.
        """
        names = self.source_names()
        if not names:
            hint = f" ({'; '.join(self.warnings)})" if self.warnings else ""
            settings = self.folder / ".dlt" / "config.toml"
            step = "fill it in" if settings.exists() else "run 'jobledger init' and fill it in"
            raise ConfigError(
                f"no source is set in {settings}{hint}: {step}, or try 'jobledger demo'"
            )
        for name in only or ():
            if name not in names:
                raise ConfigError(f"no source '{name}'{choices(name, names)}")
        try:
            return [self._source(name, kinds) for name in names if not only or name in only]
        except ConfigError as error:
            # what is missing may stand where nobody looks for it
            raise ConfigError("; ".join([str(error), *self.warnings])) from None

    @cached_property
    def warnings(self) -> list[str]:
        """What the files say where nobody reads it, each with what was meant if that is known."""
        return list(dict.fromkeys(self._unread()))

    def _unread(self) -> Iterator[str]:
        sections = ("sources", *_SECTIONS)
        for path, settings in zip(_FILES, self._files, strict=True):
            for name, value in settings.items():
                near = get_close_matches(name, sections, n=1, cutoff=_NEAR)
                meant = f" (did you mean [{near[0]}]?)" if near else ""
                if not isinstance(value, dict):
                    yield f"{path}: nobody reads '{name}', which stands in no section{meant}"
                elif name not in sections and (near or name not in _DLTS):
                    yield f"{path}: nobody reads [{name}]{meant}"
                elif name == "sources":
                    yield from self._of_others(path, value)
        yield from self._unread_variables()

    def _of_others(self, path: str, sources: Mapping[str, Any]) -> Iterator[str]:
        for name, said in sources.items():
            if isinstance(said, dict) and not _is_ours(self._section(("sources", name))):
                yield f"{path}: nobody reads [sources.{name}]; no setting in it is ours"
            elif isinstance(said, dict) and isinstance(said.get("credentials"), dict):
                for key in sorted(said["credentials"].keys() - _CREDENTIALS):
                    meant = choices(key, sorted(_CREDENTIALS))
                    yield f"{path}: nobody reads '{key}' in [sources.{name}.credentials]{meant}"

    def _unread_variables(self) -> Iterator[str]:
        """Credentials in the environment that no source takes; values are never shown."""
        sources = self.source_names()
        for variable in sorted(name for name, said in self.environment.items() if said):
            kind, name, section, key, *_ = *variable.lower().split("__"), "", "", "", ""
            if (kind, section) != ("sources", "credentials"):
                continue
            if name in sources and key not in _CREDENTIALS:
                meant = choices(key, sorted(_CREDENTIALS))
                yield f"nobody reads {variable} in the environment{meant}"
            elif name not in sources and self._has_only_our_credentials(name):
                for near in get_close_matches(name, sources, n=1, cutoff=_ALIKE):
                    meant = variable.replace(name.upper(), near.upper(), 1)
                    yield (
                        f"nobody reads {variable} in the environment: there is no source"
                        f" '{name}' (did you mean {meant}?)"
                    )

    def _has_only_our_credentials(self, source: str) -> bool:
        # other pipelines' sources may well be called much the same
        credentials = self._section(("sources", source)).get("credentials")
        return isinstance(credentials, dict) and credentials.keys() <= _CREDENTIALS

    def _source(self, name: str, known: Mapping[str, Sequence[str]]) -> SourceSettings:
        said = self._section(("sources", name))
        credentials = said.pop("credentials", {})
        where = f"[sources.{name}]"
        for key in said:
            if key in _CREDENTIALS:
                raise ConfigError(
                    f"{where} has '{key}', which belongs under [sources.{name}.credentials]"
                )
            if key not in _KEYS:
                raise self._unknown(("sources", name), key, (*_KEYS, "credentials"))
        provider = str(said.get("provider", name))
        if provider not in known:
            stands = " and ".join(self._places(name))
            raise ConfigError(
                f"{where} has no known provider: '{provider}'{choices(provider, list(known))}; set"
                f' provider = "…" in it, or take it out of {stands}'
            )
        kinds = self._kinds(said.get("kinds"), where, known[provider])
        if not isinstance(credentials, dict):
            raise ConfigError(
                f"{where} credentials: expected a section [sources.{name}.credentials]"
            )
        return SourceSettings(
            name=name,
            provider=provider,
            base_url=base_url(said.get("base_url"), name),
            credentials={key: str(value) for key, value in credentials.items()},
            kinds=kinds,
            **{
                key: READ[key](value, self._said_where(name, key))
                for key, value in said.items()
                if key in READ
            },
        )

    def _places(self, source: str) -> Iterator[str]:
        """Where a source is named."""
        for path, settings in zip(_FILES, self._files, strict=True):
            if source in settings.get("sources", {}):
                yield path
        prefix = f"SOURCES__{source.upper()}__"
        if any(name.startswith(prefix) and said for name, said in self.environment.items()):
            yield "the environment"

    def _said_where(self, source: str, key: str) -> str:
        variable = f"SOURCES__{source}__{key}".upper()
        origin = f" ({variable} in the environment)" if self.environment.get(variable) else ""
        return f"[sources.{source}] {key}{origin}"

    def _kinds(self, said: Any, where: str, known: Sequence[str]) -> tuple[str, ...]:
        if said is None:
            return tuple(known)
        if isinstance(said, str):
            said = listed(said)
        if not isinstance(said, list) or not said:
            raise ConfigError(f'{where} kinds: expected a list such as ["{known[0]}"]')
        for kind in said:
            if kind not in known:
                raise ConfigError(f"{where} kinds: no kind '{kind}'{choices(str(kind), known)}")
        return tuple(kind for kind in known if kind in said)

    # where values come from

    @property
    def may_read_sources(self) -> bool:
        """Whether the settings are this user's to read: one who only asks does without."""
        return not any(isinstance(each, ConfigError) for each in self._contents)

    def _all_read(self) -> None:
        """Raises `ConfigError` for a file of settings that may not be read."""
        for each in self._contents:
            if isinstance(each, ConfigError):
                raise each

    @property
    def _files(self) -> list[dict[str, Any]]:
        return [{} if isinstance(each, ConfigError) else each for each in self._contents]

    @cached_property
    def _contents(self) -> list[dict[str, Any] | ConfigError]:
        """What the files say; of one that is somebody else's, that it may not be read."""
        return [self._file(self.folder / path) for path in _FILES]

    def _file(self, path: Path) -> dict[str, Any] | ConfigError:
        try:
            # editors on Windows begin a file with a mark
            return tomllib.loads(path.read_text("utf-8").removeprefix("\ufeff"))
        except FileNotFoundError:
            return {}
        except PermissionError as error:
            return ConfigError(f"cannot read {path}: {error.strerror}")
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{path} is no UTF-8 text: save it as one") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is no TOML: {error}") from None

    def _section(self, place: tuple[str, ...]) -> dict[str, Any]:
        """All that is said in a section: in the files, then in the environment."""
        merged: dict[str, Any] = {}
        for settings in self._files:
            section: Any = settings
            for part in place:
                section = section.get(part, {}) if isinstance(section, dict) else {}
            if isinstance(section, dict):
                merged = _merged(merged, section)
        prefix = "__".join(place).upper() + "__"
        for variable, value in self.environment.items():
            if variable.startswith(prefix) and value:
                path = variable.removeprefix(prefix).lower().split("__")
                said: Any = value
                for part in reversed(path):
                    said = {part: said}
                merged = _merged(merged, said)
        return merged

    def _text(self, place: tuple[str, str]) -> Any:
        section, key = place
        said = self._section((section,))
        for name in said:
            if name not in _SECTIONS[section]:
                raise self._unknown((section,), name, _SECTIONS[section])
        return said.get(key)

    def _unknown(self, place: tuple[str, ...], name: str, known: Sequence[str]) -> ConfigError:
        variable = "__".join((*place, name)).upper()
        is_in_environment = any(
            f"{each}__".startswith(f"{variable}__") for each in self.environment
        )
        origin = f" from {variable} in the environment" if is_in_environment else ""
        return ConfigError(
            f"[{'.'.join(place)}] has an unknown setting '{name}'{origin}{choices(name, known)}"
        )

    def _duration(self, place: tuple[str, str]) -> timedelta | None:
        said = self._text(place)
        return None if said is None else duration(said, f"[{place[0]}] {place[1]}")


def _is_ours(said: Mapping[str, Any]) -> bool:
    """Whether a source's section is one of ours: dlt's other pipelines have theirs there too.

    Some of those have a `client_id` too, but also what none of our logins knows.
    """
    credentials = said.get("credentials")
    if said.keys() == {"credentials"} and isinstance(credentials, dict):
        return "client_id" in credentials and credentials.keys() <= _CREDENTIALS
    near = (get_close_matches(key, _KEYS, n=1, cutoff=_NEAR) for key in said)
    return not said or any(near)


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        is_both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merged(old, value) if is_both and old is not None else value
    return merged
