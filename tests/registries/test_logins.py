"""Registries that want logins, TLS, tokens; and what is said when there are none."""

from __future__ import annotations

import json

from tests.registries.case import (
    ClientTestCase,
    pull_secret,
    registries_conf,
)
from tests.registries.payload import (
    IMAGES,
    RELEASES,
)
from tests.registries.registry import PASSWORD, USER, Registry
from tests.registries.token_service import IDENTITY, TokenService


class LoginTests(ClientTestCase):
    """Who one is at a registry, and what is said when that will not do."""

    async def test_basic(self) -> None:
        tls, bundle = self.certificate()
        registry = await self.registry(tls=tls, htpasswd=True)
        await self.small_payload(registry.host, registry)
        secret = pull_secret(f"{registry.host}/ocp")
        registries = self.registries(secret=secret, bundle=bundle)
        self.assertEqual(await self.download(registries, registry.host), self.iso())

        other = self.registries(secret=pull_secret(f"{registry.host}/other"), bundle=bundle)
        for client in (other, self.registries(bundle=bundle)):
            text = await self.refusal(client, registry.host)
            self.assertIn(f"registry {registry.host} wants a login", text)
            self.assertIn("no matching entry", text)

        wrong = self.registries(secret=pull_secret(registry.host, "wrong-password"), bundle=bundle)
        text = await self.refusal(wrong, registry.host)
        self.assertIn(f"registry {registry.host} refuses the login", text)
        for secret in (USER, "wrong-password"):
            self.assertNotIn(secret, text)

    async def test_entries_of_others(self) -> None:
        """Beside entries that are empty, or wrong, and not of this registry."""
        registry = await self.registry(htpasswd=True)
        await self.small_payload(registry.host, registry)
        conf = registries_conf(registry.host)
        entry = {"username": USER, "password": PASSWORD, "email": "me@example.com"}
        auths = {"quay.io": {}, "a.io": None, "b.io": {"auth": "?"}, registry.host: entry}
        registries = self.registries(conf=conf, secret=json.dumps({"auths": auths}))
        self.assertEqual(await self.download(registries, registry.host), self.iso())

        auths = {registry.host: {"auth": PASSWORD}, "quay.io": {}}
        registries = self.registries(conf=conf, secret=json.dumps({"auths": auths}))
        text = await self.refusal(registries, registry.host)
        self.assertIn(f"{registry.host} wants a login, and entry 1 of the pull secret is no", text)
        self.assertNotIn(PASSWORD, text)

    async def test_untrusted(self) -> None:
        """A certificate that nobody vouches for will do for an insecure registry only."""
        tls, _ = self.certificate()
        registry = await self.registry(tls=tls)
        await self.small_payload(registry.host, registry)
        text = await self.refusal(self.registries(), registry.host)
        self.assertIn("certificate verify failed", text)
        registries = self.registries(conf=registries_conf(registry.host))
        self.assertEqual(await self.download(registries, registry.host), self.iso())

    async def test_plain_http(self) -> None:
        """Nobody who is not allowed to speaks plain HTTP."""
        registry = await self.registry()
        await self.small_payload(registry.host, registry)
        text = await self.refusal(self.registries(), registry.host)
        self.assertIn(f"https://{registry.host}", text)
        self.assertNotIn("http:", text)
        self.assertNotIn(
            "GET",
            {
                access.method
                for access in registry.accesses
                if access.status == 200 and "ocp" in access.target
            },
        )

    async def bearer(self) -> tuple[TokenService, Registry]:
        """A token service, and a registry that wants its tokens, with a payload."""
        tokens = TokenService()
        server = self.serve(tokens)
        registry = await self.registry(token=tokens.section(server.url, self.directory()))
        await self.small_payload(registry.host, registry)
        tokens.issued.clear()
        return tokens, registry

    async def test_bearer(self) -> None:
        """One token for each repository, for pulling, and for as long as it is good."""
        tokens, registry = await self.bearer()
        registries = self.registries(
            conf=registries_conf(registry.host), secret=pull_secret(registry.host)
        )
        for _ in range(2):
            self.assertEqual(await self.download(registries, registry.host), self.iso())
        scopes = [f"repository:{RELEASES}:pull", f"repository:{IMAGES}:pull"]
        self.assertEqual(tokens.issued, scopes)

    async def test_bearer_expires(self) -> None:
        """A token that is too old is not sent any more."""
        tokens, registry = await self.bearer()
        tokens.expires_in = 1e-6
        registries = self.registries(
            conf=registries_conf(registry.host), secret=pull_secret(registry.host)
        )
        self.assertEqual(await self.download(registries, registry.host), self.iso())
        self.assertGreater(len(tokens.issued), 4)

    async def test_bearer_refused(self) -> None:
        """By the token service, or with a token that it has made."""
        tokens, registry = await self.bearer()
        conf = registries_conf(registry.host)
        wrong = pull_secret(registry.host, "wrong-password")
        text = await self.refusal(self.registries(conf=conf, secret=wrong), registry.host)
        self.assertIn(f"registry {registry.host} refuses the login", text)
        self.assertGreater(tokens.refused, 0)
        text = await self.refusal(self.registries(conf=conf), registry.host)
        self.assertIn("no matching entry", text)
        tokens.revoked = True
        right = pull_secret(registry.host)
        text = await self.refusal(self.registries(conf=conf, secret=right), registry.host)
        self.assertIn(f"registry {registry.host} refuses the login", text)

    async def test_bearer_anonymous(self) -> None:
        """A token service may know what everybody may have."""
        tokens, registry = await self.bearer()
        tokens.anonymous = True
        registries = self.registries(conf=registries_conf(registry.host))
        self.assertEqual(await self.download(registries, registry.host), self.iso())

    async def test_identity_token(self) -> None:
        """Instead of a password; its user stands for nobody."""
        tokens, registry = await self.bearer()
        conf = registries_conf(registry.host)
        for token in (IDENTITY, "wrong-token"):
            entry = {"auth": "MDAwMDogIA==", "identitytoken": token}
            secret = json.dumps({"auths": {registry.host: entry}})
            registries = self.registries(conf=conf, secret=secret)
            if token == IDENTITY:
                self.assertEqual(await self.download(registries, registry.host), self.iso())
            else:
                text = await self.refusal(registries, registry.host)
                self.assertIn(f"registry {registry.host} refuses the login", text)
                self.assertNotIn(token, text)
        self.assertEqual(
            tokens.issued, [f"repository:{RELEASES}:pull", f"repository:{IMAGES}:pull"]
        )

    async def test_anonymous_token_service_without_tls(self) -> None:
        """Who has no login has none to lose."""
        tokens = TokenService()
        tokens.anonymous = True
        server = self.serve(tokens)
        tls, bundle = self.certificate()
        registry = await self.registry(tls=tls, token=tokens.section(server.url, self.directory()))
        await self.small_payload(registry.host, registry)
        registries = self.registries(bundle=bundle)
        self.assertEqual(await self.download(registries, registry.host), self.iso())

    async def test_token_service_without_tls(self) -> None:
        """A registry with verified TLS cannot have our login sent over plain HTTP."""
        tokens = TokenService()
        server = self.serve(tokens)
        tls, bundle = self.certificate()
        registry = await self.registry(tls=tls, token=tokens.section(server.url, self.directory()))
        registries = self.registries(bundle=bundle, secret=pull_secret(registry.host))
        text = await self.refusal(registries, registry.host)
        self.assertIn("no token service that can be trusted", text)
        self.assertEqual(server.requests, [])
