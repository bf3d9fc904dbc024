"""Secrets that a test has used, and looking for them in what a service has written."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

_SHORTEST = 12
"""Characters; what is shorter might be anywhere by chance."""

_BEGINNING = 20
"""Characters; the beginning of a long secret is looked for too: it may have been cut."""


_KEYS = ("S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_STS_ACCESS_KEY", "S3_STS_SECRET_KEY")
"""Settings that are secret."""

_KEY_FILES = ("HTTPS_KEY_FILE", "CONFIG_CACHE_KEY_FILE", "URL_SIGNING_KEY_FILE")
"""Settings that name a file with a key."""


class Canaries:
    """Texts that must not be found, in any of the forms that a program gives to a text."""

    def __init__(self, *secrets: str) -> None:
        self._secrets: set[str] = set()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Look for these, too."""
        self._secrets |= {secret for secret in secrets if len(secret) >= _SHORTEST}

    def __len__(self) -> int:
        return len(self._secrets)

    def found_in(self, written: Iterable[str]) -> list[str]:
        """The texts that show one, each after the form of the secret that it shows."""
        forms = (
            re.compile("|".join(map(re.escape, sorted(self._forms())))) if self._secrets else None
        )
        return [
            f"{match.group()} in {text}"
            for text in written
            if forms is not None and (match := forms.search(text))
        ]

    def _forms(self) -> set[str]:
        forms = set()
        for secret in self._secrets:
            for text in (secret, secret[:_BEGINNING]):
                forms |= {text, quote(text, safe=""), json.dumps(text)[1:-1], repr(text)[1:-1]}
            # Of three places where a text can begin in base64 this is one: that of a credential.
            forms.add(base64.b64encode(secret.encode()).decode().rstrip("=")[:-1])
        return forms


def canaries_of(environment: Mapping[str, str]) -> Canaries:
    """What is secret of a service's settings, and of the files that they name."""
    found = Canaries()
    pull_secrets = [environment.get("PULL_SECRET")]
    if secret_file := environment.get("PULL_SECRET_FILE"):
        pull_secrets.append(Path(secret_file).read_text())
    for pull_secret in filter(None, pull_secrets):
        found.add(pull_secret, *_logins(pull_secret))
    found.add(*(environment.get(name, "") for name in _KEYS))
    for name in ("OS_IMAGES_REQUEST_HEADERS", "OS_IMAGES_REQUEST_QUERY_PARAMS"):
        found.add(*json.loads(environment.get(name) or "{}").values())
    urls = [environment.get(name, "") for name in ("HTTP_PROXY", "HTTPS_PROXY")]
    urls += [entry["url"] for entry in json.loads(environment.get("OS_IMAGES") or "[]")]
    for url in urls:
        parts = urlsplit(url)
        found.add(parts.password or "", *(value for _, value in parse_qsl(parts.query)))
    for key in filter(None, map(environment.get, _KEY_FILES)):
        found.add(*(line for line in Path(key).read_text().splitlines() if "-----" not in line))
    if infra_envs := environment.get("INFRA_ENVS_DIR"):
        for file in Path(infra_envs).glob("*/discovery.ign"):
            found.add(*_texts_of(file.read_bytes()))
    return found


def _logins(pull_secret: str) -> Iterator[str]:
    """The encoded logins in a docker auth file, and their passwords."""
    for entry in json.loads(pull_secret)["auths"].values():
        yield entry["auth"]
        yield base64.b64decode(entry["auth"]).decode().partition(":")[2]


def _texts_of(ignition: bytes) -> Iterator[str]:
    """An Ignition config, and the texts in it."""
    yield ignition.decode("utf-8", "replace").strip()
    try:
        below = [json.loads(ignition)]
    except ValueError:
        return
    while below:
        match below.pop():
            case str(text):
                yield text
            case dict(members):
                below += members.values()
            case list(items):
                below += items
