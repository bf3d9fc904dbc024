"""Whose requests are signed."""

from __future__ import annotations

from twisted.web.http_headers import Headers

from httpd.outbound.bodies import discard
from httpd.outbound.s3_signing import S3User, SigningAgent
from httpd.urls import object_url
from tests.httpd.outbound.servers import ServerTestCase, always, response


class SigningTests(ServerTestCase):
    async def test_only_what_goes_to_the_server_is_signed(self) -> None:
        s3, other = self.serve(always(response())), self.serve(always(response()))
        user = S3User(s3.url, "eu-1", "AKID", "opensesame")
        agent = SigningAgent(self.agent(), user)
        for url in (
            object_url(s3.url, "images", "live/a+b~c.iso"),
            f"{s3.url}/images/a?X-Amz-Signature=1",
            f"{other.url}/images/a",
        ):
            headers = Headers({"range": ["bytes=0-9"]})
            discard(await agent.request(b"GET", url.encode(), headers))
            self.assertEqual(list(headers.getAllRawHeaders()), [(b"Range", [b"bytes=0-9"])])
        signed, presigned = s3.requests
        self.assertEqual(signed.target, "/images/live/a%2Bb~c.iso")
        self.assertEqual(signed.headers["range"], "bytes=0-9")
        self.assertIn("Credential=AKID/", signed.headers["authorization"])
        self.assertIn("/eu-1/s3/aws4_request", signed.headers["authorization"])
        for request in (presigned, *other.requests):
            self.assertNotIn("authorization", request.headers)
        self.assertEqual(agent.way(s3.url), "")
        self.assertNotIn("opensesame", repr(user))
