"""Downloads that go on where an attempt before them broke off."""

from __future__ import annotations

from tests.assisted_images.downloads.downloading import CONTENT, DownloadTestCase
from tests.assisted_images.downloads.origin import Origin


class ResumeTests(DownloadTestCase):
    """What is on disk is not asked for again, and never glued to something else."""

    async def broken_off(self, origin: Origin) -> str:
        """Get the first 1000 bytes; the URL."""
        url = self.serve(origin).url
        origin.break_after = 1000
        await self.refusal(url)
        origin.break_after = None
        origin.asked.clear()
        self.progress.clear()
        return url

    async def test_goes_on(self) -> None:
        origin = Origin(CONTENT)
        url = await self.broken_off(origin)
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [1000])
        self.assertEqual(self.progress[0], (1000, len(CONTENT)))

    async def test_by_date(self) -> None:
        """Without an entity tag a date will do, when it is a strong validator."""
        origin = Origin(CONTENT, etag=None)
        url = await self.broken_off(origin)
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [1000])

    async def test_weak_validators(self) -> None:
        """Nothing that could be equal for different bytes is gone on with."""
        for origin in [
            Origin(CONTENT, etag='W/"one"', last_modified=None),
            Origin(CONTENT, etag=None, last_modified=None),
            Origin(CONTENT, etag=None, date=None),
            Origin(CONTENT, etag=None, date="Fri, 02 Jan 1970 00:00:00 GMT"),
        ]:
            self.setUp()
            url = await self.broken_off(origin)
            self.assertEqual(await self.attempt(url), CONTENT)
            self.assertEqual(origin.asked, [0])

    async def test_changed(self) -> None:
        """The origin has another file now: from zero."""
        origin = Origin(CONTENT)
        url = await self.broken_off(origin)
        origin.etag, origin.content = '"two"', CONTENT[::-1]
        self.assertEqual(await self.attempt(url), CONTENT[::-1])

    async def test_changed_and_if_range_ignored(self) -> None:
        """The 206 is of another file: it is seen by its validators, or its size."""
        for etag, content in [('"two"', CONTENT[::-1]), (None, CONTENT[::-1] + b"x")]:
            self.setUp()
            origin = Origin(CONTENT, if_range=False)
            url = await self.broken_off(origin)
            origin.etag, origin.content = etag, content
            self.assertEqual(await self.attempt(url), content)
            self.assertEqual(origin.asked, [1000, 0])

    async def test_no_ranges(self) -> None:
        origin = Origin(CONTENT, ranges=False)
        url = await self.broken_off(origin)
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [0])

    async def test_other_url(self) -> None:
        origin = Origin(CONTENT)
        url = await self.broken_off(origin)
        self.assertEqual(await self.attempt(url + "/other"), CONTENT)
        self.assertEqual(origin.asked, [0])

    async def test_nothing_missing(self) -> None:
        """Killed between the last byte and the rename: nobody is asked anything."""
        origin = Origin(CONTENT)
        url = self.serve(origin).url
        await self.attempt(url)
        origin.asked.clear()
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [])
        self.assertEqual(self.progress[-1], (len(CONTENT), len(CONTENT)))

    async def test_nothing_missing_of_an_unknown_length(self) -> None:
        """The origin says so with a 416."""
        origin = Origin(CONTENT, chunked=True)
        url = self.serve(origin).url
        await self.attempt(url)
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [0, len(CONTENT)])

    async def test_shrunk(self) -> None:
        """A 416 because the file has become shorter: from zero."""
        origin = Origin(CONTENT, if_range=False)
        url = await self.broken_off(origin)
        origin.content = CONTENT[:500]
        self.assertEqual(await self.attempt(url), CONTENT[:500])
        self.assertEqual(origin.asked, [1000, 0])

    async def test_trouble_at_the_origin(self) -> None:
        """A passing 503 does not cost what is there."""
        origin = Origin(CONTENT)
        url = await self.broken_off(origin)
        origin.busy = True
        self.assertIn("503 Service Unavailable", await self.refusal(url))
        origin.busy = False
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [1000, 1000])

    async def test_many_breaks(self) -> None:
        """Each attempt adds to the last; no byte is sent twice."""
        origin = Origin(CONTENT, break_after=100_000)
        url = self.serve(origin).url
        for _ in range(10):
            await self.refusal(url)
        self.assertEqual(await self.attempt(url), CONTENT)
        self.assertEqual(origin.asked, [100_000 * index for index in range(11)])
