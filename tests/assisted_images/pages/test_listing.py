"""Which infra-envs a directory holds."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.listing import list_infra_envs, local_infra_env
from tests.assisted_images.pages.written import INFRA_ENV, write_infra_env


class ListingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def written(self, number: int, name: str = "", changed_at: float = 0) -> str:
        infra_env_id = str(uuid.UUID(int=number))
        write_infra_env(self.directory, infra_env_id, name)
        file = self.directory / infra_env_id / "discovery.ign"
        os.utime(file, (changed_at, changed_at))
        return infra_env_id

    def test_last_changed_first(self) -> None:
        ids = [self.written(number, changed_at=number) for number in range(5)]
        listing = list_infra_envs(self.directory, 1, 2)
        self.assertEqual(listing.total, 5)
        self.assertEqual([one.id for one in listing.infra_envs], [ids[3], ids[2]])
        self.assertEqual(listing.infra_envs[0].changed_at, 3)

    def test_what_is_none(self) -> None:
        """Other names, files, and directories without an Ignition config."""
        (self.directory / "lost+found").mkdir()
        (self.directory / str(uuid.UUID(int=1))).mkdir()
        (self.directory / str(uuid.UUID(int=2))).touch()
        self.assertEqual(list_infra_envs(self.directory, 0, 10), (0, ()))

    def test_beyond_the_end(self) -> None:
        self.written(1)
        self.assertEqual(list_infra_envs(self.directory, 10, 10), (1, ()))

    def test_no_directory(self) -> None:
        self.assertRaises(OSError, list_infra_envs, self.directory / "gone", 0, 1)

    def test_hosts(self) -> None:
        """Those that requests can name, where they are looked for; in order."""
        infra_env_id = self.written(1)
        place = self.directory / infra_env_id / "hosts"
        for name in ("52-54-00-00-00-02", "52-54-00-00-00-01", "52:54:00:00:00:03", "README", "a"):
            (place / name).mkdir(parents=True)
        found = local_infra_env(self.directory, infra_env_id)
        assert found is not None
        self.assertEqual(found.hosts, ("52-54-00-00-00-01", "52-54-00-00-00-02"))

    def test_names(self) -> None:
        """What is no name is none, and stops nobody."""
        infra_env_id = self.written(1, "edge")
        file = self.directory / infra_env_id / "infra-env.json"
        for content, name in (
            (file.read_text(), "edge"),
            ("{}", ""),
            ("[1]", ""),
            ('{"name": 7}', ""),
            ('{"name": "a\\nb"}', ""),
            ("[" * 100_000, ""),
            ("\udcff", ""),
            ('{"name": "%s"}' % ("x" * 200), "x" * 77 + "..."),
        ):
            file.write_bytes(content.encode("utf-8", "surrogateescape"))
            found = local_infra_env(self.directory, infra_env_id)
            assert found is not None
            self.assertEqual(found.name, name, content[:20])

    def test_one(self) -> None:
        self.assertIsNone(local_infra_env(self.directory, INFRA_ENV))
        write_infra_env(self.directory, INFRA_ENV)
        found = local_infra_env(self.directory, INFRA_ENV)
        self.assertEqual(found and found[:2], (INFRA_ENV, ""))
