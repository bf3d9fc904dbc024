"""What is asked for which image, and how an infra-env's kernel arguments are read."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.configurations import (
    ConfigurationRequest,
    Credential,
    CredentialKind,
    InfraEnvError,
    UnreadableInfraEnv,
    kernel_arguments,
)
from assisted_images.values import ImageType
from tests.assisted_images.kernel_arguments import appended, deleted, replaced
from tests.properties import given


def infra_env(arguments: object) -> bytes:
    """An infra-env as assisted-service shows it, C{arguments} being a string of JSON in it."""
    return json.dumps({"id": "x", "kernel_arguments": json.dumps(arguments)}).encode()


class ConfigurationRequestTests(SynchronousTestCase):
    """Which calls are made for which image."""

    def test_what_is_wanted(self) -> None:
        for image_type, ramdisk, arguments in [
            (ImageType.FULL, False, True),
            (ImageType.MINIMAL, True, True),
            (ImageType.DISCONNECTED, False, True),
            (None, True, False),
        ]:
            request = ConfigurationRequest("id", image_type)
            self.assertEqual(
                (request.wants_ramdisk, request.wants_kernel_arguments), (ramdisk, arguments)
            )

    def test_secrets_stay_out_of_the_repr(self) -> None:
        credential = Credential(CredentialKind.API_KEY, "swordfish")
        self.assertNotIn("swordfish", repr(ConfigurationRequest("id", None, credential)))


texts = st.text(st.characters(), max_size=3)  # and with lone surrogates
requests = st.builds(
    ConfigurationRequest,
    texts,
    st.sampled_from([None, *ImageType]),
    st.builds(Credential, st.sampled_from(CredentialKind), texts),
)


class DigestTests(SynchronousTestCase):
    """What names a question to those who keep its answer."""

    @given(requests, requests)
    def test_tells_questions_apart(
        self, one: ConfigurationRequest, other: ConfigurationRequest
    ) -> None:
        self.assertEqual(one.digest == other.digest, one == other)
        self.assertEqual(one.digest, replace(one).digest)

    def test_parts_do_not_run_into_each_other(self) -> None:
        credentials = [Credential(CredentialKind.API_KEY, secret) for secret in ("bc", "c")]
        one = ConfigurationRequest("a", None, credentials[0])
        other = ConfigurationRequest("ab", None, credentials[1])
        self.assertNotEqual(one.digest, other.digest)


class KernelArgumentsTests(SynchronousTestCase):
    """A string that holds a JSON list of edits."""

    @given(st.lists(st.text(st.characters(categories=["L", "N", "P"]))))
    def test_appended_in_order(self, values: list[str]) -> None:
        entries = [{"operation": "append", "value": value} for value in values]
        self.assertEqual(kernel_arguments(infra_env(entries)), appended(*values))
        plain = json.dumps({"kernel_arguments": entries}).encode()
        self.assertEqual(kernel_arguments(plain), appended(*values))

    def test_none(self) -> None:
        for told in (b"null", b'""', b"[]", b'"[]"'):
            self.assertEqual(kernel_arguments(b'{"kernel_arguments": %b}' % told), ())
        self.assertEqual(kernel_arguments(b"{}"), ())
        self.assertEqual(kernel_arguments(infra_env(None)), ())

    def test_other_operations(self) -> None:
        """Those that coreos-installer has, in its order."""
        texts = [("replace", "a=1=2"), ("append", "b"), ("delete", "c"), ("append", "d")]
        entries = [{"operation": operation, "value": value} for operation, value in texts]
        expected = (*deleted("c"), *appended("b", "d"), *replaced("a=1=2"))
        self.assertEqual(kernel_arguments(infra_env(entries)), expected)

    def test_unknown_operation(self) -> None:
        entries = [{"operation": "prepend", "value": "quiet"}]
        expected = "'prepend'; expected append, replace or delete"
        with self.assertRaisesRegex(InfraEnvError, expected) as caught:
            kernel_arguments(infra_env(entries))
        self.assertEqual(caught.exception.status, 500)

    def test_malformed(self) -> None:
        """The text says what would be right and does not quote what was read."""
        for raw in [
            b"[" * 20_000,
            b'{"kernel_arguments": "{}"}',
            b'{"kernel_arguments": ["swordfish"]}',
            b'{"kernel_arguments": [{"value": "swordfish"}]}',
            b'{"kernel_arguments": {"operation": "append", "value": "swordfish"}}',
            b'{"kernel_arguments": 1}',
            infra_env([{"operation": "append"}]),
            infra_env([{"operation": "append", "value": 1}]),
        ]:
            with self.assertRaisesRegex(InfraEnvError, "expected a list of") as caught:
                kernel_arguments(raw)
            self.assertEqual(caught.exception.status, 500)
            self.assertNotIn("swordfish", str(caught.exception))

    def test_unreadable(self) -> None:
        """What no decoder can read."""
        deep = 1_000_000  # Python 3.14 goes on as long as there is stack
        for raw in [
            b"swordfish",
            b'{"kernel_arguments": "swordfish"}',
            b'{"x": ' * deep,
            b'{"x": ' + b"[" * deep + b"]" * deep + b"}",
            infra_env([]).replace(b'"[]"', json.dumps('[{"x": ' + "[" * deep).encode()),
            b'{"kernel_arguments": "\xff"}',
        ]:
            with self.assertRaisesRegex(UnreadableInfraEnv, "no JSON that can be read") as caught:
                kernel_arguments(raw)
            self.assertNotIn("swordfish", str(caught.exception))

    def test_control_characters(self) -> None:
        """A line break would end the boot loader's line."""
        entries = [{"operation": "append", "value": "a\nlinux /evil"}]
        with self.assertRaisesRegex(InfraEnvError, "control character"):
            kernel_arguments(infra_env(entries))
