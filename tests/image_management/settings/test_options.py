"""The command line, and the files that settings name."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from image_management.settings.options import Options
from image_management.settings.table import SETTINGS
from tests.certificates import identity
from tests.image_management.settings.test_settings import SOUND


class OptionsTests(SynchronousTestCase):
    """Reading and checking, with a directory to work in."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()

    def options(self, *arguments: str, **environment: str) -> Options:
        data = {"IMS_DATA_DIR": str(self.directory / "data")}
        options = Options(SOUND | data | environment)
        options.parseOptions(arguments)
        return options

    def refusal(self, *arguments: str, **environment: str) -> list[str]:
        """The problems that are told."""
        with self.assertRaises(usage.UsageError) as caught:
            self.options(*arguments, **environment)
        first, *problems = str(caught.exception).split("\n  ")
        count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        self.assertEqual(first, f"image-management cannot start, {count} wrong:")
        return problems

    def file(self, name: str, content: str | bytes) -> str:
        place = self.directory / name
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(place)

    def test_options_beat_the_environment(self) -> None:
        options = self.options("--s3-region=west", "--listen-port", "1", S3_REGION="east")
        self.assertEqual(options.settings.s3_region, "west")
        self.assertEqual(options.settings.listen_port, 1)
        self.assertEqual(self.options("--aws-region=west").settings.s3_region, "west")

    def test_help_names_every_option(self) -> None:
        told = Options({}).getUsage()
        for setting in SETTINGS:
            for option in setting.options:
                self.assertIn(f"--{option}=", told)

    def test_home(self) -> None:
        home = self.directory / "home"
        options = Options(SOUND | {"FLASK_ENV": "development", "HOME": str(home)})
        options.parseOptions([])
        self.assertEqual(options.settings.ims_data_dir, home / "ims" / "data")
        self.assertTrue(options.settings.ims_data_dir.is_dir())

    def test_data_directory(self) -> None:
        self.assertTrue(self.options().settings.ims_data_dir.is_dir())
        below = str(Path(self.file("file", "")) / "below")
        (told,) = self.refusal(IMS_DATA_DIR=below)
        self.assertIn("IMS_DATA_DIR: ", told)
        self.assertIn("expected a directory that can be written", told)

    def test_no_data_directory_with_a_database(self) -> None:
        below = str(Path(self.file("file", "")) / "below")
        self.options(DATABASE_URL="postgresql://h/d", IMS_DATA_DIR=below)

    def test_certificate_authorities(self) -> None:
        for name in ("S3_SSL_VALIDATE", "S3_STS_SSL_VALIDATE"):
            (told,) = self.refusal(**{name: self.file("bad.pem", "no")})
            self.assertIn(f"{name}: ", told)
            self.assertIn("expected a file with one or more blocks BEGIN CERTIFICATE", told)
        bundle = self.file("ca.pem", identity("localhost").certificate.public_bytes(Encoding.PEM))
        self.assertEqual(
            self.options(S3_SSL_VALIDATE=bundle).settings.s3_ssl_validate, Path(bundle)
        )
        self.options(S3_SSL_VALIDATE="true")

    def test_keys_of_tokens(self) -> None:
        public = generate_private_key(65537, 2048).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        jwks = json.dumps({"keys": [json.loads(RSAAlgorithm.to_jwk(public))]})
        self.options(IMS_AUTH_JWKS_FILE=self.file("jwks", jwks))
        self.options(IMS_AUTH_PUBLIC_KEY_FILE=self.file("pem", pem))
        for name, content in (
            ("IMS_AUTH_JWKS_FILE", pem),
            ("IMS_AUTH_PUBLIC_KEY_FILE", jwks.encode()),
        ):
            (told,) = self.refusal(**{name: self.file("wrong", content)})
            self.assertTrue(told.startswith(f"{name}: "), told)
            (told,) = self.refusal(**{name: str(self.directory / "none")})
            self.assertIn("cannot be read", told)

    def test_cluster(self) -> None:
        """Where it is, and what jobs are made of there."""
        names = ("IMS_UTILS_IMAGE", "IMS_BUILDER_IMAGE", "IMS_SSHD_IMAGE")
        images = dict.fromkeys(names, "registry.example.com/image:1")
        user = {"token": "s3cr3t"}
        kubeconfig = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:8001"}}],
            "users": [{"name": "u", "user": user}],
        }
        good = {"KUBECONFIG": self.file("good", json.dumps(kubeconfig)), **images}
        self.options(**good)
        user["exec"] = "s3cr3t"
        (told,) = self.refusal(**good | {"KUBECONFIG": self.file("exec", json.dumps(kubeconfig))})
        self.assertIn("KUBECONFIG: its user has exec, which is not known here; expected", told)
        self.assertNotIn("s3cr3t", told)
        (told,) = self.refusal(KUBERNETES_SERVICE_HOST="10.96.0.1", **images)
        self.assertIn("KUBERNETES_SERVICE_HOST: /var/run/secrets/", told)
        told = "".join(self.refusal(KUBECONFIG=good["KUBECONFIG"]))
        for name in images:
            self.assertIn(f"{name}: not set; expected a container image", told)
        folder = self.directory / "templates" / "customize"
        folder.mkdir(parents=True)
        (folder / "image_configmap_customize.yaml.template").write_text("kind: ConfigMap\n\na: $b")
        place = {"IMS_JOB_TEMPLATE_PATH": str(folder.parent)}
        (told,) = self.refusal(KUBECONFIG=good["KUBECONFIG"], **place)
        self.assertIn(f"IMS_JOB_TEMPLATE_PATH: {folder}/image_configmap_customize.yaml", told)
        self.assertIn(": line 3: unknown place '$b'; expected $$", told)

    def test_files_and_texts_together(self) -> None:
        told = self.refusal(
            S3_URL_EXPIRATION="700000", S3_SSL_VALIDATE=str(self.directory / "none")
        )
        names = [line.partition(":")[0] for line in told]
        self.assertEqual(names, ["S3_URL_EXPIRATION", "S3_SSL_VALIDATE"])
