"""Where a Redis server is; what is no such URL is among the wrong settings' tests."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from httpd.redis_urls import RedisPlace, redis_place


class RedisUrlTests(SynchronousTestCase):
    def test_all_that_may_stand_in_it(self) -> None:
        for url, place in {
            "redis://redis": RedisPlace("redis"),
            "redis://redis/": RedisPlace("redis"),
            "redis://10.0.0.1:6380/2": RedisPlace("10.0.0.1", 6380, database=2),
            "rediss://[fd00::1]:6380": RedisPlace("fd00::1", 6380, tls=True),
            "redis://:s3%2Fcr%40t@redis": RedisPlace("redis", password="s3/cr@t"),
            "redis://me:s3cr3t@redis": RedisPlace("redis", user="me", password="s3cr3t"),
        }.items():
            self.assertEqual(redis_place(url), place, url)

    def test_shown_without_password(self) -> None:
        place = redis_place("rediss://me:s3cr3t@[fd00::1]:6380/2")
        self.assertEqual(str(place), "[fd00::1]:6380")
        self.assertNotIn("s3cr3t", repr(place))
