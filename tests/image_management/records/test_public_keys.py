"""SSH public keys that are taken, and what is said of others."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.records.public_keys import KEY_TYPES, BadPublicKey, check_public_keys
from tests.image_management.records.samples import ED25519, KEYS
from tests.properties import given

BLOB = ED25519.split()[1]


class PublicKeyTests(SynchronousTestCase):
    def refusal(self, text: str) -> str:
        with self.assertRaises(BadPublicKey) as caught:
            check_public_keys(text)
        told = str(caught.exception)
        self.assertNotIn(BLOB[20:], told)
        self.assertNotIn("s3cr3t", told)
        return told

    def test_types(self) -> None:
        for key in KEYS:
            check_public_keys(key)
        self.assertTrue({key.split()[0] for key in KEYS} <= set(KEY_TYPES))

    def test_comments_and_line_ends(self) -> None:
        for text in (
            f"{ED25519}\n",
            f"{ED25519} me@example.com\n",
            f"{ED25519} a comment ssh-rsa command=\n",
            f"{ED25519}\tme\r\n",
            f"  {ED25519}  me  \n\n",
            f"# mine\n\n{ED25519} me\r\n{KEYS[1]} other\r\n",
            "\n".join(KEYS),
        ):
            check_public_keys(text)

    def test_options(self) -> None:
        for options in (
            'command="s3cr3t"',
            "restrict",
            'from="10.0.0.1",no-pty',
            'environment="A=ssh-rsa s3cr3t"',
            "cert-authority",
        ):
            self.assertIn("line 1: options", self.refusal(f"{options} {ED25519}"))
        self.assertIn("line 3: options", self.refusal(f"{ED25519}\n\nno-pty {ED25519}"))

    def test_others(self) -> None:
        wrong = base64.b64encode(b"\0\0\0\x07ssh-rsa" + base64.b64decode(BLOB)[15:]).decode()
        for text in (
            "ssh-ed25519",
            "ssh-ed25519 ",
            "ssh-ed25519 s3cr3t",
            f"ssh-ed25519 {BLOB[:-8]}",
            f"ssh-ed25519 {BLOB[:30]} {BLOB[30:]}",
            f"ssh-rsa {BLOB}",
            f"ssh-ed25519 {wrong}",
            "ssh-rsa AAAAB3NzaC1yc2E=",
        ):
            self.assertIn("line 1 is no SSH public key; expected", self.refusal(text))
        for text in (
            "hello",
            "ssh-dss AAAAB3NzaC1kc3M=",
            BLOB,
            f"ssh-ed25519-cert-v01@openssh.com {BLOB}",
        ):
            self.assertIn("does not begin with a type of SSH keys", self.refusal(text))
        for text in ("", " \n", "# only\n# comments"):
            self.assertIn("there is no SSH public key in it", self.refusal(text))

    def test_private_key(self) -> None:
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        told = self.refusal(pem)
        self.assertEqual(told, "this is a private key; expected the public half of it, alone")

    @given(st.text() | st.binary().map(lambda raw: f"ssh-rsa {base64.b64encode(raw).decode()}"))
    def test_anything_is_taken_or_refused(self, text: str) -> None:
        try:
            check_public_keys(text)
        except BadPublicKey:
            return
        self.assertTrue(set(text.split()) & set(KEY_TYPES))
