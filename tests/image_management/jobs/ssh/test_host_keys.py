from __future__ import annotations

import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.ssh.host_keys import BadHostKey, load_host_keys


class HostKeyFiles(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "ssh"

    def test_they_are_made_once(self) -> None:
        made = load_host_keys(self.folder)
        self.assertEqual(set(made.private), {b"ssh-ed25519", b"ecdsa-sha2-nistp256"})
        self.assertEqual(load_host_keys(self.folder).private, made.private)
        names = ["ssh_host_ecdsa_key", "ssh_host_ed25519_key"]
        found = sorted(path.name for path in self.folder.iterdir())
        self.assertEqual(found, sorted([*names, *(f"{name}.pub" for name in names)]))
        for name in names:
            self.assertEqual(stat.S_IMODE((self.folder / name).stat().st_mode), 0o600)
        self.assertNotIn("PRIVATE", repr(made))

    def test_the_public_half(self) -> None:
        made = load_host_keys(self.folder)
        for path in self.folder.glob("*.pub"):
            kind, blob = path.read_text().split()
            self.assertIn(
                f"{kind} {blob}".encode(), made.private[kind.encode()].public().toString("openssh")
            )

    def test_what_is_none(self) -> None:
        load_host_keys(self.folder)
        (self.folder / "ssh_host_ecdsa_key").write_text("nonsense")
        with self.assertRaisesRegex(BadHostKey, "ssh_host_ecdsa_key is no private key"):
            load_host_keys(self.folder)
