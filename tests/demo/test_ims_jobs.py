"""What C{make run-ims} needs to work on jobs itself, and what it says where it cannot."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.conch.ssh.keys import Key
from twisted.trial.unittest import SynchronousTestCase

from demo.image_management.jobs import Login, set_up_jobs
from demo.image_management.samples import recipe_dictionary


class SetUpTests(SynchronousTestCase):
    def test_tools_missing(self) -> None:
        """One line, with what helps; a cluster that is at hand is left alone."""
        self.patch(os, "environ", {"PATH": self.mktemp(), "KUBECONFIG": "of a cluster"})
        settings: dict[str, str] = {}
        why_not = set_up_jobs(settings) or ""
        self.assertIn("local jobs need bwrap, of the package bubblewrap; ", why_not)
        self.assertIn("jq is not installed; ", why_not)
        self.assertIn("rsync is not installed", why_not)
        self.assertIn("requirements/packages.sh demo jobs && ", why_not)
        self.assertNotIn("\n", why_not)
        self.assertEqual(settings["IMS_JOB_BACKEND"], "none")
        self.assertNotIn("IMS_KIWI", settings)

    def test_kiwi_of_the_users(self) -> None:
        """It is where it has what it builds by, which need not be here."""
        self.patch(os, "environ", {"PATH": self.mktemp()})
        settings = {"IMS_KIWI": "/srv/kiwi-ng"}
        self.assertNotIn("rsync", set_up_jobs(settings) or "")
        self.assertEqual(settings["IMS_KIWI"], "/srv/kiwi-ng")

    def test_backend_of_the_users(self) -> None:
        settings = {"IMS_JOB_BACKEND": "none"}
        self.assertEqual(set_up_jobs(settings), "IMS_JOB_BACKEND is none")
        self.assertEqual(settings["IMS_JOB_BACKEND"], "none")


class LoginTests(SynchronousTestCase):
    def test_made_once(self) -> None:
        folder = Path(self.mktemp()).resolve()
        public_key = Login(folder, "localhost").public_key
        login = Login(folder, "another")
        self.assertEqual(login.public_key, public_key)
        private = folder / "id_ed25519"
        self.assertEqual(stat.S_IMODE(private.stat().st_mode), 0o600)
        key = Key.fromString(private.read_bytes())
        self.assertEqual(key.public().toString("openssh").split(), public_key.encode().split()[:2])
        self.assertIn("HostName another\n", login.config.read_text())


class MirrorTests(SynchronousTestCase):
    def mirror(self, name: str, text: str) -> str:
        apt = Path(self.mktemp())
        (apt / "sources.list.d").mkdir(parents=True)
        (apt / name).write_text(text)
        return recipe_dictionary(apt)["MIRROR"]

    def test_formats(self) -> None:
        """Security updates, and sources of others, are no whole Debian."""
        for name, text, mirror in (
            (
                "sources.list.d/debian.sources",
                "Types: deb\nURIs: http://security.example/debian-security\n\n"
                "Types: deb\nURIs: http://mirror.example/debian/\nSuites: bookworm\n",
                "http://mirror.example/debian",
            ),
            (
                "sources.list",
                "# deb http://comment.example/debian bookworm main\n"
                "deb [signed-by=/x y=z] https://mirror.example/debian bookworm main\n",
                "https://mirror.example/debian",
            ),
            (
                "sources.list",
                "deb https://deb.nodesource.com/node_20.x nodistro main\n",
                "http://deb.debian.org/debian",
            ),
        ):
            self.assertEqual(self.mirror(name, text), mirror)
