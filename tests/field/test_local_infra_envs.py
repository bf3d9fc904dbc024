"""A directory of infra-envs in which there is more than an administrator has meant."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults

from demo.infra_env import write_infra_env
from demo.service import ServiceProcess
from tests.field import clients
from tests.field.client_case import ClientTestCase
from tests.field.service import INFRA_ENV_ID, Got

_ODD = 24
"""More than a reactor has threads."""

_GIB = 1 << 30


class LocalInfraEnvTests(ClientTestCase):
    """Files that would take for ever to read, or all memory; and one infra-env that is right."""

    def setUp(self) -> None:
        super().setUp()
        self.infra_envs = self.directory()
        write_infra_env(self.infra_envs / INFRA_ENV_ID, b'{"ignition": {"version": "3.2.0"}}')

    def odd(self, number: int) -> Path:
        """Where an Ignition config should be."""
        path = self.infra_envs / f"{number:08x}-0000-4000-8000-00000000000f" / "discovery.ign"
        path.parent.mkdir()
        return path

    def ask(self, service: ServiceProcess, infra_env_id: str) -> Deferred[Got]:
        path = f"/images/{infra_env_id}?version=1&type=full-iso"
        return Deferred.fromCoroutine(self.get(service, path))

    async def test_odd_files(self) -> None:
        """
        They are refused at once, with their names; others are served beside them, in the usual
        memory, and the service ends when it is told to.
        """
        paths = [self.odd(number) for number in range(_ODD + 1)]
        for path in paths[:-1]:
            os.mkfifo(path)
        paths[-1].touch()
        os.truncate(paths[-1], 3 * _GIB)
        service = await self.serve_image(INFRA_ENVS_DIR=str(self.infra_envs))
        # Whoever looks for secrets in the infra-envs afterwards would read them.
        for path in paths:
            self.addCleanup(path.unlink)
        before = clients.memory(service)
        answers = await gatherResults([self.ask(service, path.parent.name) for path in paths])
        for path, answer in zip(paths, answers, strict=True):
            self.assertEqual(answer.status, 500)
            self.assertIn(f"{path.parent.name}/discovery.ign", answer.body.decode())
        self.assertIn("is no regular file", answers[0].body.decode())
        self.assertIn("is too large: 3221225472 bytes", answers[-1].body.decode())
        self.assertLess(service.peak_memory, before + _GIB // 8)
        self.assertEqual((await self.get(service, self.full_iso())).status, 200)
        self.assertEqual(await service.stop(20), 0)
