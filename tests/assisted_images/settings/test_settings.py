"""Settings: what each text means, what is wrong with it, and what does not go together."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.catalog.built_in import built_in_catalog
from assisted_images.settings.readers import HttpServes, ReadyWhen
from assisted_images.settings.settings import Settings, parse_settings
from assisted_images.settings.table import SETTINGS
from assisted_images.values import ImageFetch
from httpd.redis_urls import RedisPlace
from httpd.settings.readers import LogLevel, TlsVersion
from httpd.settings.reading import SettingsError
from tests.settings_pages import documented_rows, wanted_rows

SOUND = {
    "DATA_DIR": "/data",
    "ASSISTED_SERVICE_HOST": "assisted-service:8090",
    "IMAGE_SERVICE_BASE_URL": "https://images.example.com",
}
"""The fewest settings that make a service."""

PULL_SECRET = '{"auths": {"s3cr3t.example.com": {"auth": "czNjcjN0OnMzY3IzdA=="}}}'
"""One with C{s3cr3t:s3cr3t}."""

RELEASE = {
    "openshift_version": "4.18",
    "cpu_architecture": "x86_64",
    "url": "quay.io/openshift-release-dev/ocp-release:4.18.1-x86_64",
    "version": "4.18.1",
}

TLS = {"HTTPS_KEY_FILE": "/certs/tls.key", "HTTPS_CERT_FILE": "/certs/tls.crt"}

ENTRY = {
    "openshift_version": "4.18",
    "cpu_architecture": "x86_64",
    "url": "https://mirror.example.com/a.iso",
    "version": "418.94.1-0",
}


def parsed(changes: dict[str, str]) -> Settings:
    """The settings that differ from the sound ones as said."""
    return parse_settings(SOUND | changes)


def problems(changes: dict[str, str], without: str = "") -> tuple[str, ...]:
    """Everything that is said about wrong settings."""
    texts = {name: text for name, text in (SOUND | changes).items() if name != without}
    try:
        parse_settings(texts)
    except SettingsError as error:
        return error.problems
    raise AssertionError("accepted")


def os_images(**changes: str) -> str:
    """A list of one OS image."""
    return json.dumps([ENTRY | changes])


class DefaultsTests(SynchronousTestCase):
    """What counts where nothing is set."""

    def test_defaults(self) -> None:
        settings = parsed({})
        expected: dict[str, Any] = {
            "data_dir": Path("/data"),
            "release_images": (),
            "serve_release_images": None,
            "pull_secret": None,
            "pull_secret_file": None,
            "registries_conf": None,
            "registry_trusted_ca_file": None,
            "listen_port": 8080,
            "http_listen_port": None,
            "https_key_file": None,
            "https_cert_file": None,
            "http_serves": HttpServes.BOOT,
            "serve_page": True,
            "documentation_url": None,
            "ready_when": ReadyWhen.ALL,
            "assisted_service_scheme": "http",
            "assisted_service_host": "assisted-service:8090",
            "assisted_service_api_trusted_ca_file": None,
            "infra_envs_dir": None,
            "url_signing_key_file": None,
            "signed_urls_only": True,
            "image_service_base_url": "https://images.example.com",
            "max_concurrent_requests": 400,
            "max_requests_per_client": None,
            "trusted_proxies": (),
            "allowed_domains": (),
            "insecure_skip_verify": False,
            "os_image_download_trusted_ca_file": None,
            "os_images_request_headers": {},
            "os_images_request_query_params": {},
            "http_proxy": None,
            "https_proxy": None,
            "no_proxy": None,
            "log_level": LogLevel.INFO,
            "tls_min_version": TlsVersion.TLS12,
            "tls_cipher_suites": (),
            "min_rootfs_bytes": 104857600,
            "min_kernel_bytes": 5242880,
            "download_stall_seconds": 60.0,
            "download_retry_seconds": 5.0,
            "image_fetch": ImageFetch.WHOLE,
            "cache_bytes": None,
            "origin_connections": 8,
            "s3_endpoint": None,
            "s3_region": "us-east-1",
            "s3_access_key": None,
            "s3_secret_key": None,
            "s3_secret_key_file": None,
            "config_share_seconds": 60.0,
            "config_cache_url": None,
            "config_cache_key_file": None,
            "config_cache_trusted_ca_file": None,
            "client_stall_seconds": 90.0,
            "header_seconds": 30.0,
            "assisted_service_seconds": 60.0,
            "drain_seconds": 300.0,
            "max_connections": 10000,
            "workers": 1,
            "warnings": (),
        }
        found = {field.name: getattr(settings, field.name) for field in fields(settings)}
        self.assertEqual(found.pop("catalog").images, built_in_catalog().images)
        self.assertEqual(found, expected)

    def test_table_and_attributes_agree(self) -> None:
        self.assertEqual(
            [setting.key for setting in SETTINGS if setting.used],
            [field.name for field in fields(Settings) if field.name != "warnings"],
        )

    def test_empty_counts_as_not_set(self) -> None:
        """Deployments write empty strings for what they do not configure."""
        blank = {name: "  " for setting in SETTINGS for name in setting.names if name not in SOUND}
        without = {"catalog"}
        for field in fields(Settings):
            if field.name not in without:
                self.assertEqual(
                    getattr(parsed(blank), field.name), getattr(parsed({}), field.name)
                )

    def test_white_space_around_is_tolerated(self) -> None:
        self.assertEqual(parsed({"LISTEN_PORT": " 8443\n"}).listen_port, 8443)

    def test_unknown_names_are_ignored(self) -> None:
        self.assertEqual(parsed({"DISK_ENCRYPTION_SUPPORT": "x", "PATH": "y"}).workers, 1)

    def test_what_the_go_service_has_and_nothing_here_needs(self) -> None:
        """Is no reason not to start."""
        self.assertEqual(parsed({"DATA_TEMP_DIR": "/data_temp"}).data_dir, Path("/data"))

    def test_secrets_stay_out_of_the_repr(self) -> None:
        settings = parsed(
            {
                "OS_IMAGES_REQUEST_HEADERS": '{"Authorization": "s3cr3t"}',
                "OS_IMAGES_REQUEST_QUERY_PARAMS": '{"token": "s3cr3t"}',
                "HTTP_PROXY": "http://me:s3cr3t@proxy:3128",
                "HTTPS_PROXY": "http://me:s3cr3t@proxy:3128",
                "OS_IMAGES": os_images(url="https://h/?s3cr3t"),
                "PULL_SECRET": PULL_SECRET,
                "CONFIG_CACHE_URL": "redis://me:s3cr3t@redis",
                "CONFIG_CACHE_KEY_FILE": "/key",
            }
        )
        self.assertNotIn("s3cr3t", repr(settings))


BOTH = {
    "RELEASE_IMAGES": json.dumps([RELEASE]),
    "SERVE_RELEASE_IMAGES": "true",
    "OS_IMAGES": os_images(),
}


class CatalogTests(SynchronousTestCase):
    """One catalogue of C{OS_IMAGES} and C{RELEASE_IMAGES}."""

    def test_releases_take_the_place_of_the_built_in_images(self) -> None:
        settings = parsed({"RELEASE_IMAGES": json.dumps([RELEASE])})
        self.assertEqual(settings.catalog.images, settings.release_images)
        self.assertEqual([entry.origin for entry in settings.catalog.images], [RELEASE["url"]])

    def test_both_lists(self) -> None:
        settings = parsed(BOTH)
        self.assertEqual(
            [entry.origin for entry in settings.catalog.images], [ENTRY["url"], RELEASE["url"]]
        )

    def test_os_images_win(self) -> None:
        """They name the very file, and may have its SHA-256."""
        for version in ("4.1", "4.99"):
            text = os_images(version="4.18.1", openshift_version=version)
            settings = parsed(BOTH | {"OS_IMAGES": text})
            (entry,) = settings.catalog.images
            self.assertEqual(entry.url, ENTRY["url"])

    def test_releases_that_are_meant_for_assisted_service(self) -> None:
        """Beside OS images, unless something else says that they are meant for this service."""
        for name in ("OS_IMAGES", "RHCOS_VERSIONS"):
            for text in (BOTH["RELEASE_IMAGES"], "no JSON", "[]", '[{"url": 5}]'):
                settings = parsed({name: os_images(), "RELEASE_IMAGES": text})
                self.assertEqual([image.url for image in settings.catalog.images], [ENTRY["url"]])
                (warning,) = settings.warnings
                self.assertEqual(
                    warning,
                    "RELEASE_IMAGES: left alone, as assisted-service's; SERVE_RELEASE_IMAGES=true"
                    " would have its ISOs served here",
                )

    def test_releases_that_are_meant_for_this_service(self) -> None:
        for changes in (
            {"PULL_SECRET": PULL_SECRET},
            {"PULL_SECRET_FILE": "/pull-secret.json"},
            {"REGISTRIES_CONF": "/registries.conf"},
            {"SERVE_RELEASE_IMAGES": "true"},
        ):
            settings = parsed(BOTH | {"SERVE_RELEASE_IMAGES": ""} | changes)
            self.assertEqual(len(settings.catalog.images), 2, changes)
            self.assertEqual(settings.warnings, ())

    def test_releases_that_are_said_not_to_be_meant(self) -> None:
        said = {"SERVE_RELEASE_IMAGES": "false", "RELEASE_IMAGES": BOTH["RELEASE_IMAGES"]}
        for others in ({}, {"PULL_SECRET": PULL_SECRET}, {"OS_IMAGES": os_images()}):
            settings = parsed(said | others)
            self.assertEqual(settings.release_images, ())
            self.assertEqual(len(settings.warnings), 1)
        settings = parsed({"SERVE_RELEASE_IMAGES": "false"})
        self.assertEqual(settings.warnings, ())

    def test_wrong_answer_whether_releases_are_meant(self) -> None:
        (told,) = problems(BOTH | {"SERVE_RELEASE_IMAGES": "perhaps"})
        self.assertEqual(told, "SERVE_RELEASE_IMAGES: 'perhaps'; expected true or false")

    def test_old_releases_are_left_out(self) -> None:
        old = RELEASE | {"openshift_version": "4.10"}
        settings = parsed(BOTH | {"RELEASE_IMAGES": json.dumps([old, RELEASE])})
        self.assertEqual(len(settings.catalog.images), 2)
        (warning,) = settings.warnings
        self.assertRegex(warning, r"^RELEASE_IMAGES: entry 0 \(.*\) is left out: 4.10 is below")
        settings = parsed(BOTH | {"RELEASE_IMAGES": json.dumps([old])})
        self.assertEqual([image.url for image in settings.catalog.images], [ENTRY["url"]])

    def test_old_releases_alone_are_nothing_to_serve(self) -> None:
        old = RELEASE | {"openshift_version": "4.10"}
        (told,) = problems({"RELEASE_IMAGES": json.dumps([old])})
        self.assertRegex(told, "^RELEASE_IMAGES: no release of 4.11 or later, .*; expected one, or")

    def test_wrong_releases_leave_the_built_in_images_out(self) -> None:
        """Their rootfs is nobody's concern then."""
        (told,) = problems({"RELEASE_IMAGES": "[]"}, without="IMAGE_SERVICE_BASE_URL")
        self.assertEqual(told, "RELEASE_IMAGES: the list is empty; expected at least one OS image")

    def test_releases_want_a_base_url(self) -> None:
        (told,) = problems(
            {"RELEASE_IMAGES": json.dumps([RELEASE])}, without="IMAGE_SERVICE_BASE_URL"
        )
        self.assertIn("the minimal ISOs of 4.18 x86_64 need it", told)


class ContradictionTests(SynchronousTestCase):
    """What is right by itself and wrong together."""

    def test_no_source_of_infra_envs(self) -> None:
        self.assertEqual(
            problems({}, without="ASSISTED_SERVICE_HOST"),
            (
                "ASSISTED_SERVICE_HOST, INFRA_ENVS_DIR: neither is set; expected exactly one: the"
                " host of assisted-service, or a directory of infra-envs to serve without it",
            ),
        )

    def test_two_sources_of_infra_envs(self) -> None:
        (told,) = problems({"INFRA_ENVS_DIR": "/infra-envs"})
        self.assertIn(
            "ASSISTED_SERVICE_HOST, INFRA_ENVS_DIR: both are set; expected exactly one", told
        )

    def test_infra_envs_dir_alone(self) -> None:
        settings = parsed({"ASSISTED_SERVICE_HOST": "", "INFRA_ENVS_DIR": "/infra-envs"})
        self.assertEqual(settings.infra_envs_dir, Path("/infra-envs"))

    def test_signed_urls(self) -> None:
        local = {"ASSISTED_SERVICE_HOST": "", "INFRA_ENVS_DIR": "/infra-envs"}
        key = {"URL_SIGNING_KEY_FILE": "/key"}
        settings = parsed(local | key | {"SIGNED_URLS_ONLY": "false"})
        self.assertEqual(settings.url_signing_key_file, Path("/key"))
        self.assertFalse(settings.signed_urls_only)
        (told,) = problems(key)
        self.assertIn("expected with INFRA_ENVS_DIR only", told)
        (told,) = problems(local | {"SIGNED_URLS_ONLY": "true"})
        self.assertIn("expected URL_SIGNING_KEY_FILE beside it", told)
        self.assertTrue(parsed({"SIGNED_URLS_ONLY": "false"}))

    def test_key_and_certificate(self) -> None:
        self.assertEqual(parsed(TLS).https_key_file, Path("/certs/tls.key"))
        for name, file in TLS.items():
            self.assertEqual(
                problems({name: file}),
                (f"{name}: set alone; expected HTTPS_KEY_FILE and HTTPS_CERT_FILE, or neither",),
            )

    def test_two_listeners_on_one_port(self) -> None:
        self.assertEqual(
            problems(TLS | {"LISTEN_PORT": "8443", "HTTP_LISTEN_PORT": "8443"}),
            ("HTTP_LISTEN_PORT: 8443 is LISTEN_PORT too; expected another port",),
        )
        parsed(TLS | {"LISTEN_PORT": "0", "HTTP_LISTEN_PORT": "0"})

    def test_plain_listener_instead_of_the_other(self) -> None:
        """Without certificate there is one listener, and nothing to collide with."""
        parsed({"LISTEN_PORT": "8080", "HTTP_LISTEN_PORT": "8080"})

    def test_several_workers_and_images_on_demand(self) -> None:
        for texts in ({"IMAGE_FETCH": "on-demand"}, {"OS_IMAGES": os_images(fetch="on-demand")}):
            self.assertEqual(parsed(texts | {"WORKERS": "8"}).workers, 8)
            [told] = problems(texts | {"WORKERS": "9"})
            self.assertIn("ORIGIN_CONNECTIONS: 8, of which 9 WORKERS cannot have", told)
        self.assertEqual(parsed({"WORKERS": "9"}).workers, 9)

    def test_s3(self) -> None:
        on_s3 = {"OS_IMAGES": os_images(url="s3://images/a.iso")}
        [told] = problems(on_s3)
        self.assertIn("S3_ENDPOINT: not set", told)
        on_s3["S3_ENDPOINT"] = "http://s3.example"
        self.assertEqual(parsed(on_s3).s3_endpoint, "http://s3.example")
        access, secret = {"S3_ACCESS_KEY": "access"}, {"S3_SECRET_KEY": "secret"}
        file = {"S3_SECRET_KEY_FILE": "/secret"}
        for incomplete in (access, secret, access | secret | file):
            [told] = problems(on_s3 | incomplete)
            self.assertIn("S3_ACCESS_KEY, S3_SECRET_KEY, S3_SECRET_KEY_FILE: expected", told)
        self.assertEqual(parsed(on_s3 | access | secret).s3_secret_key, "secret")
        self.assertIsNone(parsed(on_s3 | access | file).s3_secret_key)

    def test_two_pull_secrets(self) -> None:
        parsed({"PULL_SECRET": PULL_SECRET})
        parsed({"PULL_SECRET_FILE": "/pull-secret.json"})
        self.assertEqual(
            problems({"PULL_SECRET": PULL_SECRET, "PULL_SECRET_FILE": "/pull-secret.json"}),
            ("PULL_SECRET, PULL_SECRET_FILE: both are set; expected one of them, or neither",),
        )

    def test_minimal_isos_want_a_base_url(self) -> None:
        self.assertEqual(
            problems({"OS_IMAGES": os_images()}, without="IMAGE_SERVICE_BASE_URL"),
            (
                "IMAGE_SERVICE_BASE_URL: not set, and the minimal ISOs of 4.18 x86_64 need it;"
                " expected this service's URL as hosts see it, or a rootfs_url in each of these OS"
                " images",
            ),
        )

    def test_built_in_images_want_a_base_url(self) -> None:
        (told,) = problems({}, without="IMAGE_SERVICE_BASE_URL")
        self.assertIn("IMAGE_SERVICE_BASE_URL: not set", told)

    def test_images_that_want_no_base_url(self) -> None:
        """s390x has no minimal ISO, a disconnected image is whole, and some name their rootfs."""
        for image in (
            os_images(cpu_architecture="s390x"),
            os_images(type="disconnected-iso"),
            os_images(rootfs_url="http://h/rootfs"),
        ):
            parsed({"OS_IMAGES": image, "IMAGE_SERVICE_BASE_URL": ""})


class CacheTests(SynchronousTestCase):
    """What C{CONFIG_CACHE_URL} takes, and where it does nothing."""

    def test_always_sealed(self) -> None:
        (told,) = problems({"CONFIG_CACHE_URL": "redis://redis"})
        self.assertEqual(
            told,
            "CONFIG_CACHE_KEY_FILE: not set, and what lies in the Redis of CONFIG_CACHE_URL is"
            " always sealed; expected a file with the key",
        )
        self.assertEqual(parsed({"CONFIG_CACHE_KEY_FILE": "/key"}).warnings, ())

    def test_in_vain(self) -> None:
        cache = {"CONFIG_CACHE_URL": "rediss://redis:1/2", "CONFIG_CACHE_KEY_FILE": "/key"}
        settings = parsed(cache)
        self.assertEqual(settings.config_cache_url, RedisPlace("redis", 1, tls=True, database=2))
        self.assertEqual(settings.warnings, ())
        for others in (
            {"ASSISTED_SERVICE_HOST": "", "INFRA_ENVS_DIR": "/infra-envs"},
            {"CONFIG_SHARE_SECONDS": "0"},
        ):
            (warning,) = parsed(cache | others).warnings
            self.assertTrue(warning.startswith("CONFIG_CACHE_URL: not used, since "), warning)


class DocumentationTests(SynchronousTestCase):
    """C{docs/reference/settings.md} says what the table says."""

    def test_table(self) -> None:
        self.assertEqual(documented_rows("settings.md", "# Settings"), wanted_rows(SETTINGS))
