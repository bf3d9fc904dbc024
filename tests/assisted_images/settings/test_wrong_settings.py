"""Single settings: what is said of a text that means nothing."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.settings.settings import parse_settings
from assisted_images.settings.table import SETTINGS
from httpd.settings import cipher_suites
from httpd.settings.reading import SettingsError
from tests.assisted_images.settings.test_settings import RELEASE, os_images, problems
from tests.properties import given


class WrongValueTests(SynchronousTestCase):
    """Each wrong value is told with its variable's name and with what would be accepted."""

    def assert_refused(
        self, name: str, texts: list[str], expected: str, quoted: bool = True
    ) -> None:
        """One problem each, with the text in it, or, where it may be secret, without."""
        for text in texts:
            (told,) = problems({name: text})
            self.assertTrue(told.startswith(f"{name}: "), told)
            self.assertIn(expected, told)
            self.assertTrue(told.isprintable(), told)
            if quoted:
                self.assertIn(ascii(text)[:60].strip("'"), told)
            else:
                self.assertNotIn(text, told)

    def test_data_dir(self) -> None:
        self.assertEqual(
            problems({}, without="DATA_DIR"),
            (
                "DATA_DIR: not set; expected a directory of the OS images and of what is derived"
                " from them",
            ),
        )

    def test_paths(self) -> None:
        for setting in SETTINGS:
            if setting.key.endswith(("_dir", "_file")) and setting.key not in {
                "infra_envs_dir",
                "https_key_file",
                "https_cert_file",
            }:
                self.assert_refused(
                    setting.name, ["/a\0b", "/a\nb"], "expected a path without control characters"
                )

    def test_ports(self) -> None:
        wrong = ["65536", "-1", "http", "80.0", "8_0", "٣", "0x50", "9" * 5000]
        for name in ("LISTEN_PORT", "HTTP_LISTEN_PORT"):
            self.assert_refused(name, wrong, "expected a whole number from 0 to 65535")

    def test_counts(self) -> None:
        for name in ("MAX_CONCURRENT_REQUESTS", "MAX_CONNECTIONS", "WORKERS", "ORIGIN_CONNECTIONS"):
            self.assert_refused(name, ["0", "-1", "many", "1.5"], "expected a whole number from 1")
        for name in ("MIN_ROOTFS_BYTES", "MIN_KERNEL_BYTES"):
            self.assert_refused(name, ["-1", "100M", "1e6"], "expected a whole number from 0")

        self.assert_refused("CACHE_BYTES", ["0", "1M", "9999"], "whole number from 1048576")

    def test_seconds(self) -> None:
        wrong = ["-1", "nan", "inf", "1e9", "60s", "1m", "1,5", ".5", "9" * 400]
        for name in ("CONFIG_SHARE_SECONDS", "DRAIN_SECONDS"):
            self.assert_refused(name, wrong, "expected a number of seconds, 0 or more")
        for name in ("CLIENT_STALL_SECONDS", "HEADER_SECONDS", "ASSISTED_SERVICE_SECONDS"):
            self.assert_refused(
                name, [*wrong, "0", "0.0"], "expected a number of seconds, more than 0"
            )

    def test_boolean(self) -> None:
        self.assert_refused(
            "INSECURE_SKIP_VERIFY", ["yes", "on", "tRUE", "2"], "expected true or false"
        )

    def test_choices(self) -> None:
        for name, expected in (
            ("HTTP_SERVES", "expected boot or all"),
            ("READY_WHEN", "expected all or any"),
            ("IMAGE_FETCH", "expected whole or on-demand or background"),
            ("ASSISTED_SERVICE_SCHEME", "expected http or https"),
            ("LOGLEVEL", "expected debug or info or warning or error or"),
            ("LOG_LEVEL", "expected debug or info or warning or error or"),
            ("TLS_MIN_VERSION", "expected VersionTLS12 or VersionTLS13"),
        ):
            self.assert_refused(name, ["x"], expected)
        self.assert_refused("TLS_MIN_VERSION", ["VersionSSL30", "1.2"], "expected VersionTLS12")

    def test_host(self) -> None:
        for text in (
            "http://s3cr3t",
            "s3cr3t/path",
            "me:s3cr3t@host",
            "s3cr3t:port",
            "s3cr3t:99999",
            "::1:s3cr3t",
            "s3cr3t host",
            "s3cr3t?x",
        ):
            (told,) = problems({"ASSISTED_SERVICE_HOST": text})
            self.assertEqual(
                told,
                "ASSISTED_SERVICE_HOST: not a host; expected a name or address, and :port if need"
                " be",
            )

    def test_base_url(self) -> None:
        for text in (
            "images.example.com",
            "ftp://h",
            "https://",
            "https://me:s3cr3t@h",
            "https://h?s3cr3t",
            "https://h#s3cr3t",
            "https://h/a b",
            "https://h/\u00e9",
            "https://h:port",
            "https://[h",
        ):
            (told,) = problems({"IMAGE_SERVICE_BASE_URL": text})
            self.assertIn("IMAGE_SERVICE_BASE_URL: not a base URL; expected http:// or", told)
            self.assertNotIn("s3cr3t", told)

    def test_proxies(self) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            self.assert_refused(
                name,
                ["socks5://me:s3cr3t@h", "ftp://p", "http://me:s3cr3t@", "h:s3cr3t", "http://[h"],
                "not a proxy; expected a URL such as http://proxy.example.com:3128",
                quoted=False,
            )

    def test_redis(self) -> None:
        self.assert_refused(
            "CONFIG_CACHE_URL",
            [
                "cache.example.com:6379",
                "http://s3cr3t@redis",
                "redis:///0",
                "redis://:s3cr3t@",
                "redis://redis:s3cr3t",
                "redis://redis:0",
                "redis://redis/s3cr3t",
                "redis://redis/0/1",
                "redis://redis?password=s3cr3t",
                "redis://redis#s3cr3t",
                "redis://r\u00e9dis",
                "redis://[redis",
            ],
            "not the URL of a Redis server; expected one such as redis://:password@",
            quoted=False,
        )

    def test_origins(self) -> None:
        wrong = ["console.example.com", "https://h/", "https://h/p", "ftp://h", "https://*.*"]
        self.assert_refused("ALLOWED_DOMAINS", wrong, "expected * or a comma list of origins")
        (told,) = problems({"ALLOWED_DOMAINS": "https://fine.example.com, wrong"})
        self.assertIn("'wrong' is no origin", told)

    def test_trusted_proxies(self) -> None:
        self.assert_refused(
            "TRUSTED_PROXIES",
            ["proxy.example.com", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1:80", "fd00::/8/8", "10."],
            "expected a comma list of addresses and networks such as",
        )

    def test_json_objects(self) -> None:
        wrong = ["s3cr3t", '{"s3cr3t"}', '{"s3cr3t": 5}', '["s3cr3t"]', '"s3cr3t"', '{"s": null}']
        for name in ("OS_IMAGES_REQUEST_HEADERS", "OS_IMAGES_REQUEST_QUERY_PARAMS"):
            self.assert_refused(
                name, wrong, "not a JSON object of strings; expected one such as", quoted=False
            )

    def test_headers(self) -> None:
        name = "OS_IMAGES_REQUEST_HEADERS"
        for key in ("", "s3cr3t:", "s3cr3t x", "s3cr3t\n"):
            (told,) = problems({name: json.dumps({key: "x"})})
            self.assertIn("a name is no HTTP field name; expected letters, digits and -", told)
            self.assertNotIn("s3cr3t", told)
        for value in ("s3cr3t\r\nX: y", "s3cr3t\u00e9"):
            (told,) = problems({name: json.dumps({"Authorization": value})})
            self.assertIn("the value of Authorization is no HTTP field value; expected", told)
            self.assertNotIn("s3cr3t", told)

    def test_cipher_suites(self) -> None:
        name = "TLS_CIPHER_SUITES"
        self.assert_refused(name, ["ECDHE-RSA-AES128-GCM-SHA256", "x"], "IANA names: TLS_AES_128")
        (told,) = problems({name: ",".join(sorted(cipher_suites.RETIRED))})
        self.assertIn("is offered by TLS libraries any more; expected at least one of", told)
        (told,) = problems({name: ","})
        self.assertIn("expected at least one of", told)

    def test_os_images(self) -> None:
        for name in ("OS_IMAGES", "RHCOS_VERSIONS"):
            (told,) = problems({name: "[]"})
            self.assertEqual(told, f"{name}: the list is empty; expected at least one OS image")
            told = " / ".join(problems({name: os_images(url="", type="x")}))
            self.assertRegex(
                told, rf"{name}: entry 0 .*url is missing; .* / {name}: entry 0 .*type"
            )

    def test_pull_secret(self) -> None:
        wrong = ["s3cr3t", '{"s3cr3t": {}}', '{"auths": ["s3cr3t"]}', '["s3cr3t"]']
        self.assert_refused("PULL_SECRET", wrong, "not a pull secret: ", quoted=False)

    def test_release_images(self) -> None:
        (told,) = problems({"RELEASE_IMAGES": json.dumps([RELEASE | {"url": "x"}])})
        self.assertRegex(told, r"^RELEASE_IMAGES: entry 0 \(.*\): url: 'x' does not begin with")

    def test_long_values_are_not_repeated_whole(self) -> None:
        (told,) = problems({"LISTEN_PORT": "x" * 10_000})
        self.assertLess(len(told), 250)

    def test_all_together(self) -> None:
        """One start tells everything that is wrong."""
        told = problems(
            {
                "LISTEN_PORT": "x",
                "HTTP_SERVES": "x",
                "OS_IMAGES": '[5, {"type": 5}]',
                "INFRA_ENVS_DIR": "/infra-envs",
                "HTTPS_KEY_FILE": "/key",
                "WORKERS": "0",
            },
            without="DATA_DIR",
        )
        names = [text.partition(":")[0] for text in told]
        self.assertEqual(
            names,
            [
                "DATA_DIR",
                *["OS_IMAGES"] * 6,
                "LISTEN_PORT",
                "HTTP_SERVES",
                "WORKERS",
                "ASSISTED_SERVICE_HOST, INFRA_ENVS_DIR",
                "HTTPS_KEY_FILE",
            ],
        )

    @given(
        st.dictionaries(
            st.sampled_from([name for setting in SETTINGS for name in setting.names]),
            st.text(max_size=30),
        )
    )
    def test_any_texts_are_settings_or_told(self, texts: dict[str, str]) -> None:
        """Nothing but L{SettingsError} comes out, and each problem is one line."""
        try:
            parse_settings(texts)
        except SettingsError as error:
            for told in error.problems:
                self.assertTrue(told.isprintable(), told)
                self.assertIn("expected ", told)
