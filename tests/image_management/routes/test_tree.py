"""Which paths there are, and what may be asked of each."""

from __future__ import annotations

from tests.image_management.service import NOBODY, ServiceTestCase

READ, MADE, CHANGED, DELETED = "GET, HEAD", "POST", "PATCH", "DELETE"


def allowed(*methods: str) -> str:
    return ", ".join([*methods, "OPTIONS"])


LIST = allowed(READ, MADE, DELETED)
"""A collection."""

TABLE = {
    **{
        f"{base}/{kind}": methods
        for base in ("", "/v2", "/v3")
        for kind, methods in {
            "public-keys": LIST,
            "public-keys/:id": allowed(READ, DELETED),
            "recipes": LIST,
            "recipes/:id": allowed(READ, CHANGED, DELETED),
            "images": LIST,
            "images/:id": allowed(READ, CHANGED, DELETED),
            "jobs": LIST,
            "jobs/:id": allowed(READ, CHANGED, DELETED),
        }.items()
    },
    **{
        f"/v3/deleted/{kind}{item}": allowed(READ, CHANGED, DELETED)
        for kind in ("public-keys", "recipes", "images")
        for item in ("", "/:id")
    },
    "/v3/remote-build-nodes": LIST,
    "/v3/remote-build-nodes/:id": allowed(READ, DELETED),
    "/v3/remote-build-nodes/status": allowed(READ),
    "/v3/remote-build-nodes/status/:id": allowed(READ),
    "/v3/jobs/:id/log": allowed(READ),
    "/v3/images/:id/artifacts/kernel": allowed(READ),
    "/version": allowed(READ),
    "/healthz/live": allowed(READ),
    "/healthz/ready": allowed(READ),
    "/metrics": allowed(READ),
    "/status": allowed(READ),
    "/openapi.json": allowed(READ),
    "/page/images": allowed(READ),
    "/page/deleted/recipes": allowed(READ),
    "/page/jobs/:id": allowed(READ),
}
"""The methods of each path."""


class TableTests(ServiceTestCase):
    async def test_methods(self) -> None:
        """At each path, and below the prefix, too."""
        ims = await self.start({"IMS_PATH_PREFIX": "/apis/ims"})
        for path, methods in TABLE.items():
            for prefix in ("", "/apis/ims"):
                url = prefix + path.replace(":id", NOBODY)
                options = await ims.ask("OPTIONS", url)
                self.assertEqual((options.status, options.header("allow")), (200, methods), url)
            got, head = await ims.ask("GET", url), await ims.ask("HEAD", url)
            self.assertEqual(got.status, 404 if ":id" in path else 200, url)
            self.assertEqual((head.status, head.body), (got.status, b""), url)
            self.assertEqual(
                head.header("content-type"), got.header("content-type"), f"{url}: {got.text}"
            )
            for method in {"POST", "PATCH", "DELETE", "PUT", "TRACE"} - {*methods.split(", ")}:
                refused = await ims.ask(method, url)
                self.assert_problem(refused, 405)
                self.assertEqual(refused.header("allow"), methods, url)
            for wrong in (f"{url}/", f"/v1{url}", f"{url}x" if ":id" not in path else "/x"):
                self.assert_problem(await ims.ask("GET", wrong), 404)
            self.assertEqual((await ims.ask("GET", f"{url}?x=1&x=2&%ff")).status, got.status)
