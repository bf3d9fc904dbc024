"""Twenty clients at once, all of them after the same records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.engines.postgresql import postgresql
from tests.engines.versitygw import start_versitygw
from tests.httpd.web.serving import Answer
from tests.image_management.routes.test_records import UNDELETE
from tests.image_management.service import Ims, ServiceTestCase, json_of

CLIENTS = 20


async def at_once(ask: Callable[[int], Awaitable[Answer]]) -> list[Answer]:
    """What each client is answered."""

    async def one(number: int) -> Answer:
        return await ask(number)

    return await gatherResults([Deferred.fromCoroutine(one(number)) for number in range(CLIENTS)])


def statuses(answers: Sequence[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


class ManyClientTests(ServiceTestCase):
    """One service on SQLite."""

    async def replicas(self) -> Sequence[Ims]:
        return [await self.start()]

    async def test_many(self) -> None:
        replicas = await self.replicas()

        def ask(number: int, method: str, path: str, given: Any = None) -> Awaitable[Answer]:
            return replicas[number % len(replicas)].ask(method, path, given)

        ims = replicas[0]
        # No update is lost: each sets a member of its own.
        image = await ims.make("/images", name="x")
        path = f"/images/{image['id']}"
        answers = await at_once(
            lambda number: ask(
                number,
                "PATCH",
                path,
                {"metadata": {"operation": "set", "key": f"{number}", "value": "x"}},
            )
        )
        self.assertEqual(statuses(answers), {200: CLIENTS})
        metadata = (await ims.get(path))["metadata"]
        self.assertEqual(metadata, {f"{number}": "x" for number in range(CLIENTS)})
        # A link has one holder, whoever wants it and however.
        link = ims.put_image("one", kernel=b"k")
        others = [await ims.make("/v3/images", name="y") for _ in range(CLIENTS)]
        answers = await at_once(
            lambda number: (
                ask(number, "POST", "/v3/images", {"name": "z", "link": link})
                if number % 2
                else ask(number, "PATCH", f"/v3/images/{others[number]['id']}", {"link": link})
            )
        )
        self.assertEqual(sum(answer.status in {200, 201} for answer in answers), 1)
        self.assertEqual(statuses(answers)[422], CLIENTS - 1)
        [holder] = [one["id"] for one in await ims.get("/images") if one["link"]]
        # Who deletes what is being deleted joins; whoever comes later finds nothing.
        answers = await at_once(lambda number: ask(number, "DELETE", f"/v3/images/{holder}"))
        self.assertLessEqual({*statuses(answers)}, {204, 404})
        self.assertGreaterEqual(statuses(answers)[204], 1)
        self.assertEqual(await ims.lists("/v3/deleted/images"), [holder])
        # Everything at once: whatever it comes to, each is in one place, and its objects with it.
        deleted = f"/v3/deleted/images/{holder}"
        answers = await at_once(
            lambda number: (
                ask(number, "PATCH", deleted, UNDELETE)
                if number % 3 == 0
                else ask(number, "DELETE", f"/v3/images/{holder}")
                if number % 3 == 1
                else ask(number, "GET", "/v3/images")
            )
        )
        self.assertLessEqual({*statuses(answers)}, {200, 204, 404, 409})
        live, gone = await ims.lists("/v3/images"), await ims.lists("/v3/deleted/images")
        self.assertEqual((live + gone).count(holder), 1)
        if holder in live:
            self.assert_nothing(await ims.ask("DELETE", f"/v3/images/{holder}"))
        self.assert_nothing(await ims.ask("PATCH", deleted, UNDELETE))
        self.assertEqual(ims.keys(), {"one/manifest.json", "one/rootfs", "one/kernel"})
        # Many are made at once, and listed by all in one order.
        answers = await at_once(lambda number: ask(number, "POST", "/recipes", RECIPE))
        self.assertEqual(statuses(answers), {201: CLIENTS})
        lists = {str(await one.lists("/recipes")) for one in replicas}
        self.assertEqual(len(lists), 1)
        made = {json_of(answer, 201)["id"] for answer in answers}
        self.assertEqual({*await ims.lists("/recipes")}, made)


RECIPE = {"name": "r", "recipe_type": "packer", "linux_distribution": "sles15"}


class ReplicaTests(ManyClientTests):
    """Two services on one PostgreSQL database."""

    async def replicas(self) -> Sequence[Ims]:
        s3 = await start_versitygw(self)
        url = postgresql().new_database(self)
        return [await self.start_beside(s3, {"DATABASE_URL": url}) for _ in range(2)]
