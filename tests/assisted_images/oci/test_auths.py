"""Pull secrets: which credentials are for which place, and that nothing of them is quoted."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci.auths import Credentials, PullSecret
from assisted_images.oci.references import PullSpec
from tests.properties import given

KEYS = st.sampled_from(["auths", "auth", "q.io"])


def auth(user: str, password: str = "s3cr3t") -> dict[str, str]:
    """One entry."""
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


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

    def test_none(self) -> None:
        self.assertIsNone(user_at(PullSecret.none(), "quay.io/a"))

    def test_passwords_may_have_colons(self) -> None:
        text = json.dumps({"auths": {"q.io": auth("me", "a:b:ü"), "other": {"auth": "eDp5"}}})
        found = PullSecret.parse(text).credentials(PullSpec.parse("q.io/a"))
        self.assertEqual(found, Credentials("me", "a:b:ü"))

    def test_other_keys_are_ignored(self) -> None:
        text = json.dumps({"auths": {"q.io": auth("me") | {"email": 5}}, "credsStore": "x"})
        self.assertEqual(user_at(PullSecret.parse(text), "q.io/a"), "me")


class WrongTests(SynchronousTestCase):
    """What is wrong is told without a letter of it."""

    def refusal(self, raw: str) -> str:
        with self.assertRaises(ValueError) as caught:
            PullSecret.parse(raw)
        self.assertNotIn("s3cr3t", str(caught.exception))
        self.assertIn("expected", str(caught.exception))
        return str(caught.exception)

    def test_not_the_form(self) -> None:
        values: list[Any] = [
            {},
            {"s3cr3t": {}},
            [],
            "s3cr3t",
            {"auths": ["s3cr3t"]},
            {"auths": {"s3cr3t": "s3cr3t"}},
            {"auths": {"s3cr3t": {"auth": ["s3cr3t"]}}},
        ]
        for value in values:
            self.assertIn("not a pull secret: ", self.refusal(json.dumps(value)))
        for text in ("", "s3cr3t", '{"s3cr3t', "[" * 100_000, '{"auths": ' * 5000, "\udc80"):
            self.assertIn("not a pull secret: ", self.refusal(text))

    def test_not_credentials(self) -> None:
        """A line end is what C{echo} without C{-n} puts into it."""

        def encoded(text: str) -> str:
            return base64.b64encode(text.encode()).decode()

        plain = ["s3cr3t", ":s3cr3t", "me:s3cr3t\n", "me\0:x"]
        for wrong in (
            "",
            "s3cr3t",
            "s3cr3t:x",
            "//79",
            encoded("me:x") + "\n",
            *map(encoded, plain),
        ):
            text = json.dumps({"auths": {"q.io": auth("me"), "s3cr3t.io": {"auth": wrong}}})
            self.assertIn(
                "the auth of entry 2 of the pull secret is not base64", self.refusal(text)
            )

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
