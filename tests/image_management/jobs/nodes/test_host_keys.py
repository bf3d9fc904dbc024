"""Files of known hosts, as OpenSSH writes them, and as anybody may."""

from __future__ import annotations

import base64
from pathlib import Path

from hypothesis import strategies as st
from twisted.conch.ssh.keys import Key
from twisted.trial.unittest import SynchronousTestCase, TestCase

from image_management.jobs.nodes.host_keys import keys_of
from tests.engines.sshd import make_key
from tests.properties import given
from tests.running import run

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEQ5fcITJ5hElBYfF3THVr72pEdxVsTffvFRNlwQEruP"

FIELDS = st.sampled_from(
    ["x1", "x1,x2", "#", "@revoked", "*", "|1|", "|1|AA==|AA==", "|1|AAAA", *KEY.split(), "AAAA"]
)


class KnownHostsTests(TestCase):
    """Against ssh-keygen."""

    async def test_names(self) -> None:
        """As they are, several with one key, and hashed; of several keys all."""
        paths = [await make_key(self, kind) for kind in ("ed25519", "ecdsa", "rsa")]
        keys = [Key.fromFile(f"{path}.pub") for path in paths]
        texts = [Path(f"{path}.pub").read_text() for path in paths]
        file = Path(self.mktemp()).resolve()
        file.write_text(f"# some\n\nx1,10.0.0.1 {texts[0]}x2 {texts[1]}x1 {texts[2]}")
        for _ in ("as they are", "hashed"):
            self.assertEqual(keys_of(file.read_bytes(), "x1"), [keys[0], keys[2]])
            self.assertEqual(keys_of(file.read_bytes(), "x2"), [keys[1]])
            self.assertEqual(keys_of(file.read_bytes(), "10.0.0.1"), [keys[0]])
            self.assertEqual(keys_of(file.read_bytes(), "x3"), [])
            await run("ssh-keygen", "-q", "-H", "-f", file)
        self.assertEqual(file.read_bytes().count(b"|1|"), 4)


class OddLineTests(SynchronousTestCase):
    """What is no line of such a file is passed over."""

    def test_without_meaning(self) -> None:
        for line in (f"@revoked x1 {KEY}", f"@cert-authority x1 {KEY}", f"# x1 {KEY}", f"* {KEY}"):
            self.assertEqual(keys_of(line.encode(), "x1"), [], line)

    @given(st.lists(st.lists(FIELDS, max_size=5).map(" ".join)))
    def test_any_fields(self, lines: list[str]) -> None:
        """The good line counts, whatever is around it."""
        text = "\n".join([*lines, f"x9 {KEY}", *lines])
        self.assertEqual(keys_of(text.encode(), "x9"), [Key.fromString(KEY)])

    @given(st.binary(), st.integers(0, 60), st.integers(0, 4))
    def test_damaged_keys(self, data: bytes, place: int, gone: int) -> None:
        """They are no reason to fail."""
        kind, blob = KEY.split()
        key = base64.b64decode(blob)
        damaged = base64.b64encode(key[:place] + data + key[place + gone :]).decode()
        keys_of(f"x1 {kind} {damaged}".encode() + data, "x1")
