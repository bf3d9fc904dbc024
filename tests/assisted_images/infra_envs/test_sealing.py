"""Configurations as they lie where others can read."""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.configurations import (
    ConfigurationRequest,
    Credential,
    CredentialKind,
)
from assisted_images.infra_envs.sealing import SECRET_BYTES, BrokenSeal, Seals, read_secret
from assisted_images.values import Configuration, ImageType
from tests.assisted_images.kernel_arguments import appended

SOURCE = "http://assisted-service:8090"

REQUEST = ConfigurationRequest(
    "id", ImageType.FULL, Credential(CredentialKind.API_KEY, "swordfish")
)

CONFIGURATION = Configuration(
    b'{"ignition": {}}', b"ramdisk", appended("console=ttyS0"), 784111777.5
)


class SealingTests(SynchronousTestCase):
    """Two replicas with one secret, and others."""

    def setUp(self) -> None:
        self.secret = secrets.token_bytes(SECRET_BYTES)
        self.place = Seals(self.secret, SOURCE).place(REQUEST)

    def test_same_for_all_who_ask_the_same(self) -> None:
        place = Seals(self.secret, SOURCE).place(replace(REQUEST))
        self.assertEqual(place.name, self.place.name)
        self.assertEqual(place.opened(self.place.sealed(CONFIGURATION)), CONFIGURATION)

    def test_others_have_other_places_and_keys(self) -> None:
        """Another credential, image, infra-env, assisted-service or secret."""
        sealed = self.place.sealed(CONFIGURATION)
        seals = Seals(self.secret, SOURCE)
        others = [
            seals.place(replace(REQUEST, infra_env_id="other")),
            seals.place(replace(REQUEST, image_type=ImageType.MINIMAL)),
            seals.place(replace(REQUEST, image_type=None)),
            seals.place(replace(REQUEST, credential=Credential(CredentialKind.API_KEY, "x"))),
            seals.place(
                replace(REQUEST, credential=Credential(CredentialKind.IMAGE_TOKEN, "swordfish"))
            ),
            Seals(self.secret, "https://assisted-service:8090").place(REQUEST),
            Seals(secrets.token_bytes(SECRET_BYTES), SOURCE).place(REQUEST),
        ]
        self.assertEqual(len({place.name for place in (self.place, *others)}), 8)
        for place in others:
            with self.assertRaises(BrokenSeal):
                place.opened(sealed)

    def test_changed(self) -> None:
        """No byte of it can be another, none can be missing or added."""
        sealed = self.place.sealed(CONFIGURATION)
        changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in (0, 11, 12)]
        changed += [sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:-1], sealed + b"\0", b"", b"x"]
        for one in changed:
            with self.assertRaises(BrokenSeal):
                self.place.opened(one)

    def test_shows_nothing(self) -> None:
        """Nor is the same sealed twice as the same."""
        sealed = self.place.sealed(CONFIGURATION)
        self.assertNotEqual(sealed, self.place.sealed(CONFIGURATION))
        for text in (b"ignition", b"ramdisk", b"ttyS0", b"swordfish", self.secret):
            self.assertNotIn(text, sealed + self.place.name.encode())
        self.assertNotIn("AESGCM", repr(self.place))

    def test_fingerprint(self) -> None:
        """Two with the same secret know each other by it, and have a name in common anyway."""
        same, other = Seals(self.secret, SOURCE), Seals(bytes(SECRET_BYTES), SOURCE)
        seals = Seals(self.secret, SOURCE)
        self.assertEqual((seals.commons, seals.fingerprint), (same.commons, same.fingerprint))
        self.assertEqual(seals.commons, other.commons)
        self.assertNotEqual(seals.fingerprint, other.fingerprint)


class SecretFileTests(SynchronousTestCase):
    def test_read(self) -> None:
        path = Path(self.mktemp())
        secret = secrets.token_bytes(SECRET_BYTES)
        for end in (b"", b"\n", b"\r\n"):
            path.write_bytes(base64.b64encode(secret) + end)
            self.assertEqual(read_secret(path), secret)

    def test_wrong(self) -> None:
        """What would be right is said, and nothing of what is there."""
        path = Path(self.mktemp())
        with self.assertRaisesRegex(ValueError, "cannot be read: No such file.*; expected a file"):
            read_secret(path)
        for content in (b"", b"s3cr3t", base64.b64encode(b"s3cr3t" * 5), b"\xff" * 44, b"A" * 2000):
            path.write_bytes(content)
            with self.assertRaisesRegex(ValueError, "no key; expected 32 random bytes") as raised:
                read_secret(path)
            self.assertNotIn("s3cr3t", str(raised.exception))
