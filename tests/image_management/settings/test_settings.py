"""Settings: what each text means, what is wrong with it, and what does not go together."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from httpd.settings.readers import LogLevel
from httpd.settings.reading import SettingsError
from image_management.settings.settings import Settings, parse_settings, parse_store_place
from image_management.settings.table import SETTINGS

SOUND = {
    "S3_ENDPOINT": "http://rgw-vip.nmn",
    "S3_ACCESS_KEY": "s3cr3t-access",
    "S3_SECRET_KEY": "s3cr3t-key",
}
"""The fewest settings that make a service."""


def parsed(changes: dict[str, str], home: str = "") -> Settings:
    """The settings that differ from the sound ones as said."""
    return parse_settings(SOUND | changes, home)


def problems(changes: dict[str, str]) -> tuple[str, ...]:
    """Everything that is said about wrong settings."""
    try:
        parse_settings(SOUND | changes)
    except SettingsError as error:
        return error.problems
    raise AssertionError("accepted")


class MeaningTests(SynchronousTestCase):
    """What settings mean."""

    def test_defaults(self) -> None:
        settings = parsed({})
        expected: dict[str, Any] = {
            "s3_endpoint": "http://rgw-vip.nmn",
            "s3_region": "us-east-1",
            "s3_ssl_validate": False,
            "s3_ims_bucket": "ims",
            "s3_boot_images_bucket": "boot-images",
            "s3_url_expiration": 432000,
            "s3_connect_timeout": 60,
            "s3_read_timeout": 60,
            "max_image_manifest_size_bytes": 1048576,
            "ims_data_dir": Path("/var/ims/data"),
            "database_url": None,
            "listen_port": 9000,
            "log_level": LogLevel.INFO,
            "ims_path_prefix": "",
            "ims_ready_needs_s3": False,
            "ims_auth_jwks_file": None,
            "ims_auth_public_key_file": None,
            "default_ims_image_size": 60,
            "default_ims_job_mem_size": 8,
            "default_ims_job_namespace": "ims",
            "default_ims_job_remote_timeout_count": 12,
            "ims_job_template_path": Path("/mnt/ims/v2/job_templates"),
            "job_customer_access_network_domain": "shasta.local",
            "job_customer_access_subnet_name": "cmn",
            "job_customer_access_network_access_pool": "customer-management",
            "job_enable_dkms": True,
            "job_kata_runtime": "kata-qemu",
            "job_aarch64_runtime": "kata-qemu",
            "ca_cert": None,
            "api_gateway_hostname": None,
        }
        for name, value in expected.items():
            self.assertEqual(getattr(settings, name), value, name)

    def test_every_row_is_an_attribute(self) -> None:
        used = {setting.key for setting in SETTINGS if setting.used}
        self.assertEqual(used, {field.name for field in fields(Settings)} - {"warnings"})

    def test_sts_is_as_the_other_where_it_is_not_set(self) -> None:
        settings = parsed({"S3_SSL_VALIDATE": "/ca.pem"})
        self.assertEqual(settings.s3_sts_endpoint, settings.s3_endpoint)
        self.assertEqual(settings.s3_sts_access_key, "s3cr3t-access")
        self.assertEqual(settings.s3_sts_secret_key, "s3cr3t-key")
        self.assertEqual(settings.s3_sts_ssl_validate, Path("/ca.pem"))
        own = {
            "S3_STS_ENDPOINT": "https://sts:8443/",
            "S3_STS_ACCESS_KEY": "a",
            "S3_STS_SECRET_KEY": "b",
            "S3_STS_SSL_VALIDATE": "True",
        }
        settings = parsed(own)
        self.assertEqual(settings.s3_sts_endpoint, "https://sts:8443")
        self.assertEqual((settings.s3_sts_access_key, settings.s3_sts_secret_key), ("a", "b"))
        self.assertIs(settings.s3_sts_ssl_validate, True)
        self.assertIs(settings.s3_ssl_validate, False)

    def test_names(self) -> None:
        self.assertEqual(parsed({"AWS_REGION": "eu-west-1"}).s3_region, "eu-west-1")
        both = {"AWS_REGION": "eu-west-1", "S3_REGION": "default"}
        self.assertEqual(parsed(both).s3_region, "default")

    def test_words(self) -> None:
        for text in ("true", "True", "YES", "t", "1", "on"):
            self.assertIs(parsed({"IMS_READY_NEEDS_S3": text}).ims_ready_needs_s3, True)
        for text in ("false", "False", "NO", "f", "0", "off"):
            self.assertIs(parsed({"JOB_ENABLE_DKMS": text}).job_enable_dkms, False)

    def test_debug(self) -> None:
        self.assertEqual(parsed({"DEBUG": "True"}).log_level, LogLevel.DEBUG)
        self.assertEqual(parsed({"DEBUG": "false"}).log_level, LogLevel.INFO)
        for name in ("LOG_LEVEL", "LOGLEVEL"):
            self.assertEqual(parsed({"DEBUG": "1", name: "ERROR"}).log_level, LogLevel.ERROR)

    def test_development(self) -> None:
        development = {"FLASK_ENV": "development"}
        self.assertEqual(parsed(development, "/home/me").ims_data_dir, Path("/home/me/ims/data"))
        self.assertEqual(
            parsed(development | {"IMS_DATA_DIR": "/d"}, "/home/me").ims_data_dir, Path("/d")
        )
        for others in (parsed(development), parsed({"FLASK_ENV": "production"}, "/home/me")):
            self.assertEqual(others.ims_data_dir, Path("/var/ims/data"))

    def test_job_backend(self) -> None:
        """The cluster, where there is one."""
        host, file = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, {"KUBECONFIG": "/k"}
        for given, backend in (
            ({}, "none"),
            (host, "kubernetes"),
            (file, "kubernetes"),
            (file | {"IMS_JOB_BACKEND": "kubernetes"}, "kubernetes"),
            (host | {"IMS_JOB_BACKEND": "local"}, "local"),
            (host | {"IMS_JOB_BACKEND": "none"}, "none"),
        ):
            self.assertEqual(parsed(given).ims_job_backend, backend)
        self.assertEqual(parsed(host).kubernetes_service_port, 443)

    def test_prefix(self) -> None:
        for text, prefix in (("/", ""), ("/apis/ims", "/apis/ims"), ("/apis/ims/", "/apis/ims")):
            self.assertEqual(parsed({"IMS_PATH_PREFIX": text}).ims_path_prefix, prefix)

    def test_ignored(self) -> None:
        for name in ("TESTING", "GUNICORN_WORKER_TIMEOUT", "FLASK_ENV"):
            self.assertEqual(parsed({name: "any thing"}), parsed({}))

    def test_store_place(self) -> None:
        """Import and export need no S3."""
        place = parse_store_place({"DATABASE_URL": "postgresql://h/d", "S3_ENDPOINT": "wrong"})
        self.assertEqual(place.database_url, "postgresql://h/d")
        place = parse_store_place({"FLASK_ENV": "development"}, "/home/me")
        self.assertEqual(
            (place.ims_data_dir, place.database_url), (Path("/home/me/ims/data"), None)
        )
        with self.assertRaises(SettingsError):
            parse_store_place({"DATABASE_URL": "mysql://h/d"})

    def test_secrets_are_not_shown(self) -> None:
        settings = parsed(
            {
                "DATABASE_URL": "postgresql://me:s3cr3t@db/ims",
                "S3_STS_ACCESS_KEY": "s3cr3t",
                "S3_STS_SECRET_KEY": "s3cr3t",
            }
        )
        self.assertEqual(settings.database_url, "postgresql://me:s3cr3t@db/ims")
        self.assertNotIn("s3cr3t", repr(settings))
        place = parse_store_place({"DATABASE_URL": "postgresql://me:s3cr3t@db/ims"})
        self.assertNotIn("s3cr3t", repr(place))


WRONG = {
    "S3_ENDPOINT": (["rgw", "ftp://h", "http://h?x", "http://me:pw@h"], "expected http://"),
    "S3_ACCESS_KEY": (["a b", "\u00e9"], "not a key; expected printable ASCII"),
    "S3_SECRET_KEY": (["a b", "a\x01"], "not a key; expected printable ASCII"),
    "S3_REGION": (["us east"], "expected an S3 region"),
    "S3_SSL_VALIDATE": (["/ca\x01.pem"], "expected a path"),
    "S3_STS_ENDPOINT": (["x"], "expected http://"),
    "S3_IMS_BUCKET": (["a/b", "a" * 256], "expected a bucket's name"),
    "S3_BOOT_IMAGES_BUCKET": (["\u00e9"], "expected a bucket's name"),
    "S3_URL_EXPIRATION": (
        ["604801", "0", "-1", "1.5"],
        "expected a whole number from 1 to 604800, as signatures of version 4 count for a week",
    ),
    "S3_CONNECT_TIMEOUT": (["0", "soon"], "expected a number of seconds, more than 0"),
    "S3_READ_TIMEOUT": (["0", "-1"], "expected a number of seconds, more than 0"),
    "MAX_IMAGE_MANIFEST_SIZE_BYTES": (["0", "1M"], "expected a whole number from 1"),
    "DEFAULT_IMS_IMAGE_SIZE": (["0", "1000001"], "expected a whole number from 1"),
    "DEFAULT_IMS_JOB_MEM_SIZE": (["0", "8G"], "expected a whole number from 1"),
    "DEFAULT_IMS_JOB_NAMESPACE": (["Ims", "-a", "a.b", "a" * 64], "expected small letters"),
    "DEFAULT_IMS_JOB_REMOTE_TIMEOUT_COUNT": (["0"], "expected a whole number from 1"),
    "JOB_CUSTOMER_ACCESS_NETWORK_DOMAIN": (["a..b", "a b", "a." * 127 + "aa"], "domain's name"),
    "JOB_ENABLE_DKMS": (["maybe"], "expected true or false"),
    "IMS_SSHD_IMAGE": (["a b", "-v", "\u00e9"], "expected a container image such as"),
    "IMS_JOB_PENDING_TIMEOUT": (["0", "1h"], "expected a number of seconds, more than 0"),
    "IMS_READY_NEEDS_S3": (["2"], "expected true or false"),
    "DEBUG": (["verbose"], "expected true or false"),
    "IMS_PATH_PREFIX": (["apis", "/a b", "/a//b", "/../x", "/a?b"], "expected a path such as"),
    "LISTEN_PORT": (["65536"], "expected a whole number from 0 to 65535"),
    "LOG_LEVEL": (["loud"], "expected debug or info"),
}
"""Texts that are wrong, and what is said of them."""

DATABASES = (
    "mysql://me:s3cr3t@h/d",
    "postgres://me:s3cr3t@h/d",
    "postgresql+psycopg://me:s3cr3t@h/d",
    "sqlite:///s3cr3t.db",
    "postgresql://me:s3cr3t@h",
    "postgresql://me:s3cr3t@h/",
    "postgresql://me:s3cr3t@h/a/b",
    "postgresql://me:s3cr3t@h:port/d",
    "postgresql://[s3cr3t/d",
    "me:s3cr3t@h/d",
)


class WrongTests(SynchronousTestCase):
    """What is said of settings that are wrong."""

    def test_wrong_texts(self) -> None:
        for name, (texts, expected) in WRONG.items():
            for text in texts:
                (told,) = problems({name: text})
                self.assertTrue(told.startswith(f"{name}: "), told)
                self.assertIn(expected, told)

    def test_required(self) -> None:
        told = problems(dict.fromkeys(SOUND, " "))
        self.assertEqual([line.partition(":")[0] for line in told], [*SOUND])
        for line in told:
            self.assertIn("not set; expected a ", line)

    def test_databases(self) -> None:
        for url in DATABASES:
            (told,) = problems({"DATABASE_URL": url})
            self.assertIn("expected postgresql://user:password@host:5432/database", told)
            self.assertNotIn("s3cr3t", told)
        for url in (
            "postgresql://h/d",
            "postgresql://me@h:5433/d?sslmode=require",
            "postgresql:///d?host=/run/postgresql",
        ):
            self.assertEqual(parsed({"DATABASE_URL": url}).database_url, url)

    def test_keys_are_not_quoted(self) -> None:
        for name in ("S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_STS_ACCESS_KEY", "S3_STS_SECRET_KEY"):
            for told in problems({name: "s3cr3t with spaces"}):
                self.assertNotIn("s3cr3t", told)

    def test_contradictions(self) -> None:
        for changes, expected in (
            ({"S3_STS_ACCESS_KEY": "a"}, "S3_STS_ACCESS_KEY: set alone; expected "),
            ({"S3_STS_SECRET_KEY": "a"}, "S3_STS_SECRET_KEY: set alone; expected "),
            (
                {"IMS_AUTH_JWKS_FILE": "/a", "IMS_AUTH_PUBLIC_KEY_FILE": "/b"},
                "IMS_AUTH_JWKS_FILE, IMS_AUTH_PUBLIC_KEY_FILE: both are set; expected one",
            ),
            ({"IMS_JOB_BACKEND": "kubernetes"}, "IMS_JOB_BACKEND: kubernetes, and nothing says"),
            ({"HTTPS_KEY_FILE": "/a"}, "HTTPS_KEY_FILE: set alone; expected "),
        ):
            (told,) = problems(changes)
            self.assertTrue(told.startswith(expected), told)

    def test_everything_at_once(self) -> None:
        told = problems({"S3_ENDPOINT": "", "LISTEN_PORT": "x", "S3_STS_SECRET_KEY": "y"})
        self.assertEqual(len(told), 3)
