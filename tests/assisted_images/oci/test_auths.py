"""Pull secrets: which credentials are for which place, and that nothing of them is quoted."""

from __future__ import annotations

import base64
import json
import textwrap
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci.auths import Credentials, PullSecret
from assisted_images.oci.references import PullSpec
from tests.properties import given

KEYS = st.sampled_from(["auths", "auth", "q.io"])


def encoded(text: str) -> str:
    """It in base64."""
    return base64.b64encode(text.encode()).decode()


def auth(user: str, password: str = "s3cr3t") -> dict[str, str]:
    """One entry."""
    return {"auth": encoded(f"{user}:{password}")}


def secret(*places: str) -> PullSecret:
    """One that has for each place a user of its name."""
    return PullSecret.parse(
        json.dumps({"auths": {place: auth(place.replace(":", "_")) for place in places}})
    )


def user_at(pull_secret: PullSecret, spec: str) -> str | None:
    """Who one is where an image is."""
    found = pull_secret.credentials(PullSpec.parse(spec))
    return None if found is None else found.user


class MatchTests(SynchronousTestCase):
    """The longest host[:port][/path] counts."""

    def test_host(self) -> None:
        self.assertEqual(user_at(secret("quay.io"), "quay.io/a/b:c"), "quay.io")
        self.assertIsNone(user_at(secret("quay.io"), "quay.io:443/a/b:c"))
        self.assertIsNone(user_at(secret("quay.io"), "cdn.quay.io/a"))
        self.assertIsNone(user_at(secret("host:5000"), "host:5001/a"))

    def test_longest_path(self) -> None:
        both = secret("host:5000", "host:5000/a", "host:5000/a/b/c")
        for spec, user in (
            ("host:5000/x", "host_5000"),
            ("host:5000/a", "host_5000/a"),
            ("host:5000/a/b", "host_5000/a"),
            ("host:5000/ab", "host_5000"),
            ("host:5000/a/b/c", "host_5000/a/b/c"),
            ("host:5000/a/b/c/d", "host_5000/a/b/c"),
        ):
            self.assertEqual(user_at(both, f"{spec}:tag"), user, spec)

    def test_path_alone_leaves_the_rest_anonymous(self) -> None:
        self.assertIsNone(user_at(secret("quay.io/a"), "quay.io/b"))

    def test_urls_as_docker_wrote_them(self) -> None:
        self.assertIsNotNone(user_at(secret("https://Quay.io/v1/"), "quay.io/a"))
        for order in (("https://q.io/v1/", "q.io"), ("q.io", "https://q.io/v1/")):
            self.assertEqual(user_at(secret(*order), "q.io/a"), "q.io")

    def test_docker_hub(self) -> None:
        """Under whichever of its names a tool has written it."""
        for key in (
            *("https://index.docker.io/v1/", "https://index.docker.io/v1", "index.docker.io"),
            *("docker.io", "docker.io/library", "registry-1.docker.io", "https://docker.io"),
        ):
            parsed = PullSecret.parse(json.dumps({"auths": {key: auth("me")}}))
            for spec in ("docker.io/library/busybox", "index.docker.io/busybox"):
                self.assertEqual(user_at(parsed, spec), "me", key)
            self.assertIsNone(user_at(parsed, "quay.io/a"))

    def test_none(self) -> None:
        self.assertIsNone(user_at(PullSecret.none(), "quay.io/a"))

    def test_passwords_may_have_colons(self) -> None:
        text = json.dumps({"auths": {"q.io": auth("me", "a:b:ü"), "other": {"auth": "eDp5"}}})
        found = PullSecret.parse(text).credentials(PullSpec.parse("q.io/a"))
        self.assertEqual(found, Credentials("me", "a:b:ü"))

    def test_other_keys_are_ignored(self) -> None:
        text = json.dumps({"auths": {"q.io": auth("me") | {"email": 5}}, "credsStore": "x"})
        self.assertEqual(user_at(PullSecret.parse(text), "q.io/a"), "me")


class EntryTests(SynchronousTestCase):
    """What tools write."""

    def test_entries_that_say_nothing(self) -> None:
        """Logging out and credential helpers leave them; the place above counts then."""
        empty: list[Any] = [
            *(None, {}, {"auth": ""}, {"auth": None}, {"auth": " \n"}, {"auth": encoded(":")}),
            *({"email": "me@q.io"}, {"username": "", "password": ""}, {"registrytoken": ""}),
            {"auth": "", "email": None, "username": None, "password": None},
        ]
        for entry in empty:
            auths = {"nobody.io": entry, "q.io/a": entry, "q.io": auth("me"), "https://q.io": entry}
            parsed = PullSecret.parse(json.dumps({"auths": auths}))
            self.assertIsNone(user_at(parsed, "nobody.io/a"))
            self.assertEqual(user_at(parsed, "q.io/a"), "me")
        for text in ('{"auths": {}}', '{"auths": null}'):
            self.assertIsNone(user_at(PullSecret.parse(text), "q.io/a"))

    def test_ways_to_write_a_login(self) -> None:
        """What Docker, Kubernetes or podman take, in a file or a variable."""
        password = "s3cr3t" * 20
        whole = encoded(f"me:{password}")
        lines = textwrap.fill(whole, 76)
        entries: list[dict[str, Any]] = [
            {"auth": whole},
            *({"auth": lines}, {"auth": lines.replace("\n", "\r\n") + "\r\n"}),
            *({"auth": f"  {whole} "}, {"auth": whole.rstrip("=")}, {"auth": whole + "=="}),
            {"auth": encoded(f"me:{password}\0\0")},
            {"username": "me", "password": password},
            {"username": "me", "password": password, "auth": "", "email": "x"},
            {"username": "you", "password": "other", "auth": whole},
        ]
        for entry in entries:
            for mark in ("", "\ufeff"):
                text = mark + json.dumps({"auths": {"q.io": entry}})
                found = PullSecret.parse(text).credentials(PullSpec.parse("q.io/a"))
                self.assertEqual(found, Credentials("me", password), entry)

    def test_token_of_a_registry(self) -> None:
        text = json.dumps({"auths": {"q.io": {"registrytoken": "s3cr3t"}}})
        found = PullSecret.parse(text).credentials(PullSpec.parse("q.io/a"))
        self.assertEqual(found, Credentials("", registry_token="s3cr3t"))
        self.assertNotIn("s3cr3t", repr(found))

    def test_token_instead_of_a_password(self) -> None:
        """With a user that stands for nobody, as Azure's has it, or without."""
        nobody = "00000000-0000-0000-0000-000000000000"
        for entry, user in (
            ({"auth": encoded(f"{nobody}:"), "identitytoken": "s3cr3t"}, nobody),
            ({"identitytoken": "s3cr3t", "auth": ""}, ""),
        ):
            text = json.dumps({"auths": {"q.io": entry}})
            found = PullSecret.parse(text).credentials(PullSpec.parse("q.io/a"))
            assert found is not None
            self.assertEqual(found, Credentials(user, identity_token="s3cr3t"))
            self.assertFalse(found.password_counts)
            self.assertNotIn("s3cr3t", repr(found))


class WrongTests(SynchronousTestCase):
    """What is wrong is told without a letter of it."""

    def refusal(self, raw: str) -> str:
        with self.assertRaises(ValueError) as caught:
            PullSecret.parse(raw)
        self.assertNotIn("s3cr3t", str(caught.exception))
        self.assertIn("expected", str(caught.exception))
        return str(caught.exception)

    def test_not_the_form(self) -> None:
        values: list[Any] = [{}, {"s3cr3t": {}}, [], "s3cr3t", {"auths": ["s3cr3t"]}]
        for value in values:
            self.assertIn("not a pull secret: ", self.refusal(json.dumps(value)))
        for text in ("", "s3cr3t", '{"s3cr3t', "[" * 100_000, '{"auths": ' * 5000, "\udc80"):
            self.assertIn("not a pull secret: ", self.refusal(text))

    def wrong_entry(self, entry: Any) -> str:
        """What is said where the entry is needed; the others are as good as ever."""
        auths = {"q.io": auth("me"), "s3cr3t.io": entry, "z.io": auth("you")}
        parsed = PullSecret.parse(json.dumps({"auths": auths}))
        self.assertEqual(user_at(parsed, "q.io/a"), "me")
        self.assertEqual(user_at(parsed, "z.io/a"), "you")
        with self.assertRaises(ValueError) as caught:
            user_at(parsed, "s3cr3t.io/a")
        self.assertNotIn("s3cr3t", str(caught.exception) + repr(parsed))
        return str(caught.exception)

    def test_not_credentials(self) -> None:
        """A line end is what C{echo} without C{-n} puts into it."""
        plain = ["s3cr3t", ":s3cr3t", "me:s3cr3t\n", "me\0:x", "me:s3\0cr3t"]
        wrong: list[Any] = ["s3cr3t", "s3cr3t:x", "//79", "s3cr3t!", *map(encoded, plain)]
        entries = [
            *({"auth": each} for each in (*wrong, 5, ["s3cr3t"], {})),
            {"username": "me\n", "password": "s3cr3t"},
            {"username": "me:s3cr3t", "password": "s3cr3t"},
            {"password": "s3cr3t"},
            {"username": ["s3cr3t"]},
            {"registrytoken": "s3cr3t\n"},
            {"identitytoken": "s3cr3t\n", "username": "me"},
            *("s3cr3t", ["s3cr3t"], 5, True),
        ]
        for entry in entries:
            text = self.wrong_entry(entry)
            self.assertIn("entry 2 of the pull secret is no login; expected auth", text)

    def test_secrets_stay_out_of_the_repr(self) -> None:
        pull_secret = secret("q.io")
        found = pull_secret.credentials(PullSpec.parse("q.io/a"))
        self.assertNotIn("s3cr3t", repr(pull_secret) + repr(found))

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda below: st.lists(below) | st.dictionaries(KEYS, below),
            max_leaves=8,
        )
    )
    def test_any_json_is_one_or_refused(self, value: Any) -> None:
        try:
            PullSecret.parse(json.dumps(value))
        except ValueError as error:
            self.assertTrue(str(error).isprintable())
