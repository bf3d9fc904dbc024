"""A site with all routes, over images that tests have at hand."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

import jwt
from twisted.trial.unittest import TestCase

from assisted_images.routes.tree import make_site
from tests.assisted_images.routes.application import (
    ID,
    IGNITION_AREA,
    Images,
    InfraEnvs,
    application,
    content,
    entry,
    layout,
)
from tests.httpd.web.serving import Answer, ask, listen

TOKEN = jwt.encode({"sub": ID}, "k" * 32)
LOCAL_TOKEN = jwt.encode({"infra_env_id": ID, "exp": 1}, "k" * 32)

BAD = "418.94.0-0"
"""An image that has failed."""


class RoutesTestCase(TestCase):
    """Images of two architectures, and one that is not ready."""

    rest_at: str | None = None
    local_infra_envs = True

    def setUp(self) -> None:
        self.images = Images(
            {
                entry(): content(),
                entry(kind="disconnected-iso"): content(),
                entry("s390x"): content(minimal=None),
                entry("arm64"): content(
                    layout=layout(kernel_arguments=False),
                    minimal=None,
                    minimal_missing="no boot configuration",
                    nmstate=None,
                    nmstate_missing="no root.squashfs",
                ),
                entry(version=BAD): None,
            }
        )
        self.infra_envs = InfraEnvs()
        self.application = application(
            self.images, self.infra_envs, local_infra_envs=self.local_infra_envs
        )
        self.port = listen(self, make_site(self.application, rest_at=self.rest_at))

    async def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Answer:
        return await ask(self.port, path, method, headers)

    async def assert_problem(self, path: str, status: int, text: str) -> Answer:
        answer = await self.get(path)
        self.assertEqual(answer.status, status, path)
        self.assertIn(text, answer.text)
        self.assertEqual(answer.header("content-type"), "text/plain; charset=utf-8")
        return answer

    def ignition_in(self, image: bytes) -> bytes:
        area = image[IGNITION_AREA.offset : IGNITION_AREA.end].rstrip(b"\0")
        return gzip.decompress(area + b"\0" * 8)
