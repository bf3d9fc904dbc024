"""Bearer tokens, where they are asked for."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from tests.httpd.web.test_bearer import EC, RSA, jwk, pem, token
from tests.image_management.clients.kept_jobs import folder_with, kept_job
from tests.image_management.service import Ims, ServiceTestCase

OPEN = "/version", "/healthz/live", "/healthz/ready", "/metrics", "/status", "/"


def knows_me(ims: Ims) -> bool:
    """Whether it has logged who asked."""
    return any(event.get("subject") == "me" for event in ims.process.events)


class TokenTests(ServiceTestCase):
    def file(self, content: bytes) -> str:
        file = Path(self.mktemp()).resolve()
        file.write_bytes(content)
        return str(file)

    async def test_one_job(self) -> None:
        """What a job's own containers may do with the token of their job: change that job."""
        first, second = kept_job(1), kept_job(2)
        settings = folder_with(self.mktemp(), first, second)
        keys = {"IMS_AUTH_PUBLIC_KEY_FILE": self.file(pem(RSA)), "IMS_PATH_PREFIX": "/apis/ims"}
        ims = await self.start({**settings, **keys})
        own = f"/jobs/{first['id']}"
        change = {"status": "building_image"}
        for scope, method, path, given, status in (
            (f"ims:job:{first['id']}", "PATCH", own, change, 200),
            (f"ims:job:{first['id']}", "PATCH", f"/v3{own}", change, 200),
            (f"ims:job:{first['id']}", "PATCH", f"/apis/ims/v2{own}", change, 200),
            (f"ims:job:{second['id']}", "PATCH", own, change, 403),
            ("ims:job:", "PATCH", own, change, 403),
            ("ims:job:*", "PATCH", own, change, 403),
            (f"ims:job:{first['id']}", "PATCH", f"/jobs/{second['id']}", change, 403),
            (f"ims:job:{first['id']}", "GET", own, None, 403),
            (f"ims:job:{first['id']}", "DELETE", own, None, 403),
            (f"ims:job:{first['id']}", "GET", f"/v3{own}/log", None, 403),
            (f"ims:job:{first['id']}", "DELETE", "/jobs", None, 403),
            (f"ims:job:{first['id']}", "POST", "/jobs", {}, 403),
            (f"ims:job:{first['id']}", "PATCH", f"/images/{first['id']}", {}, 403),
            ("ims:write", "PATCH", own, change, 200),
        ):
            headers = {"Authorization": f"Bearer {token(scope=scope)}"}
            answer = await ims.ask(method, path, given, headers=headers)
            self.assertEqual(answer.status, status, (scope, method, path, answer.text))

    async def test_scopes(self) -> None:
        jwks = json.dumps({"keys": [jwk(RSA, "RS256", kid="a"), jwk(EC, "ES256", kid="b")]})
        for settings in (
            {"IMS_AUTH_JWKS_FILE": self.file(jwks.encode())},
            {"IMS_AUTH_PUBLIC_KEY_FILE": self.file(pem(RSA)), "IMS_PATH_PREFIX": "/apis/ims"},
        ):
            ims = await self.start(settings)
            reader, writer = token(scope="ims:read"), token(scope="ims:write", sub="me")
            prefix = settings.get("IMS_PATH_PREFIX", "")
            for path in OPEN:
                self.assertEqual((await ims.ask("GET", path)).status, 200, path)
            for method, path, allowed, refused in (
                ("GET", "/images", reader, writer),
                ("HEAD", "/v3/deleted/images", reader, writer),
                ("POST", "/images", writer, reader),
                ("DELETE", "/v3/images", writer, reader),
                ("PATCH", "/v3/deleted/images", writer, reader),
                ("DELETE", "/jobs", writer, reader),
            ):
                given = {"name": "x"} if method == "POST" else {"operation": "undelete"}
                body = None if method in {"GET", "HEAD", "DELETE"} else given
                for url in {path, prefix + path}:
                    without = await ims.ask(method, url, body)
                    self.assertEqual(without.status, 401, url)
                    self.assertEqual(without.header("www-authenticate"), "Bearer")
                    for said, status in (
                        (allowed, range(200, 205)),
                        (refused, (403,)),
                        ("x", (401,)),
                    ):
                        headers = {"Authorization": f"Bearer {said}"}
                        answer = await ims.ask(method, url, body, headers=headers)
                        self.assertIn(answer.status, status, f"{method} {url}")
            await ims.process.wait_for(partial(knows_me, ims), "log whose token it was", None)
            shown = "\n".join(ims.process.lines)
            self.assertNotIn(reader[:30], shown)
