"""The settings of C{make run}: samples where the user has set nothing."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from demo.certificate import development_certificate
from demo.environment import Prepared, prepare
from demo.infra_env import INFRA_ENV_ID


class EnvironmentTests(SynchronousTestCase):
    """Nothing that the user has set is overruled."""

    def prepared(self, **environment: str) -> tuple[Prepared, Path]:
        data = Path(self.mktemp())
        return prepare(environment, data, lambda _text: None), data

    def test_sample_of_everything(self) -> None:
        prepared, data = self.prepared()
        (entry,) = json.loads(prepared.settings["OS_IMAGES"])
        image = f"rhcos-full-iso-{entry['version']}-{entry['cpu_architecture']}.iso"
        self.assertTrue((Path(prepared.settings["DATA_DIR"]) / image).exists())
        self.assertEqual(prepared.infra_env, data / "infra-envs" / INFRA_ENV_ID)
        for name in ("discovery.ign", "infra-env.json", "minimal-initrd"):
            self.assertTrue((data / "infra-envs" / INFRA_ENV_ID / name).exists())

    def test_sample_image_made_anew(self) -> None:
        """Nothing stays of what a service has noted of the earlier one, which had other bytes."""
        data = Path(self.mktemp())
        prepare({}, data, lambda _text: None)
        (image,) = (data / "sample-image").iterdir()
        for suffix in (".checked.json", ".refused", ".part"):
            image.with_name(image.name + suffix).write_text("{}")
        prepare({}, data, lambda _text: None)
        self.assertEqual([*(data / "sample-image").iterdir()], [image])

    def test_real_images_and_assisted_service(self) -> None:
        prepared, data = self.prepared(
            OS_IMAGES="[]", ASSISTED_SERVICE_HOST="assisted.example", HTTP_LISTEN_PORT="9080"
        )
        self.assertEqual(prepared.settings["OS_IMAGES"], "[]")
        self.assertEqual(prepared.settings["HTTP_LISTEN_PORT"], "9080")
        self.assertNotIn("INFRA_ENVS_DIR", prepared.settings)
        self.assertNotIn("MIN_ROOTFS_BYTES", prepared.settings)
        self.assertFalse((data / "sample-image").exists())
        self.assertIsNone(prepared.infra_env)

    def test_an_edited_infra_env_stays(self) -> None:
        data = Path(self.mktemp())
        prepare({}, data, lambda _text: None)
        edited = data / "infra-envs" / INFRA_ENV_ID / "discovery.ign"
        edited.write_text("{}")
        prepare({}, data, lambda _text: None)
        self.assertEqual(edited.read_text(), "{}")


class CertificateTests(SynchronousTestCase):
    """The development certificate."""

    def test_is_for_this_machine_and_a_virtual_machine_on_it(self) -> None:
        files = development_certificate(Path(self.mktemp()), ["images.example"])
        chain = x509.load_pem_x509_certificates(files.certificate.read_bytes())
        (authority,) = x509.load_pem_x509_certificates(files.authority.read_bytes())
        names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = names.get_values_for_type(x509.DNSName)
        addresses = list(map(str, names.get_values_for_type(x509.IPAddress)))
        self.assertLessEqual({"localhost", "images.example"}, set(hosts))
        self.assertLessEqual({"127.0.0.1", "::1", "10.0.2.2"}, set(addresses))
        chain[0].verify_directly_issued_by(authority)
        self.assertEqual(chain[1:], [authority])

    def test_the_key_is_for_its_owner_only(self) -> None:
        files = development_certificate(Path(self.mktemp()))
        self.assertEqual(files.key.stat().st_mode & 0o777, 0o600)

    def test_is_kept_until_it_is_about_to_expire(self) -> None:
        directory = Path(self.mktemp())
        files = development_certificate(directory)
        before = files.certificate.read_bytes()
        expires = x509.load_pem_x509_certificate(before).not_valid_after_utc
        development_certificate(directory)
        self.assertEqual(files.certificate.read_bytes(), before)
        development_certificate(directory, now=expires)
        self.assertNotEqual(files.certificate.read_bytes(), before)
