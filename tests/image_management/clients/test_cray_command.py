"""C{cray ims}: a command line made from an OpenAPI document, whose every value is a word."""

from __future__ import annotations

from typing import Any

from tests.image_management.clients.kept_jobs import folder_with, kept_job
from tests.image_management.service import NOBODY, PUBLIC_KEY, Ims, ServiceTestCase, json_of


class CommandTests(ServiceTestCase):
    """All of its paths begin with C{/v3}, below the gateway's prefix."""

    async def command(self, ims: Ims, method: str, path: str, given: Any = None) -> Any:
        """What it prints; it wants JSON, or 204."""
        answer = await ims.ask(method, f"/apis/ims/v3/{path}", given)
        if answer.status == 204:
            self.assert_nothing(answer)
            return None
        return json_of(answer, 201 if method == "POST" else 200)

    async def start_below_gateway(self, *jobs: Any) -> Ims:
        folder = folder_with(self.mktemp(), *jobs)
        return await self.start({"IMS_PATH_PREFIX": "/apis/ims", **folder})

    async def test_public_keys(self) -> None:
        """A key is sent as the whole file."""
        ims = await self.start_below_gateway()
        given = {"name": "mine", "public_key": PUBLIC_KEY}
        made = await self.command(ims, "POST", "public-keys", given)
        self.assertEqual(made["public_key"], PUBLIC_KEY)
        self.assertEqual(await self.command(ims, "GET", "public-keys"), [made])
        id = made["id"]
        self.assertEqual(await self.command(ims, "GET", f"public-keys/{id}"), made)
        undelete = {"operation": "undelete"}
        for item in (f"/{id}", ""):
            await self.command(ims, "DELETE", f"public-keys{item}")
            self.assertEqual(await self.command(ims, "GET", "public-keys"), [])
            [deleted] = await self.command(ims, "GET", "deleted/public-keys")
            self.assertEqual(deleted["name"], "mine")
            await self.command(ims, "PATCH", f"deleted/public-keys{item}", undelete)
            self.assertEqual(await self.command(ims, "GET", "public-keys"), [made])
        await self.command(ims, "DELETE", "public-keys")
        await self.command(ims, "DELETE", f"deleted/public-keys/{id}")
        await self.command(ims, "DELETE", "deleted/public-keys")
        self.assertEqual(await self.command(ims, "GET", "deleted/public-keys"), [])

    async def test_recipes(self) -> None:
        ims = await self.start_below_gateway()
        link = ims.put("recipe.tgz", b"recipe", "ims")
        given = {
            "name": "sles",
            "recipe_type": "kiwi-ng",
            "linux_distribution": "sles15",
            "arch": "aarch64",
            "require_dkms": "False",
            "template_dictionary": [{"key": "a", "value": "b"}],
        }
        made = await self.command(ims, "POST", "recipes", given)
        self.assertEqual({name: made[name] for name in given}, given | {"require_dkms": False})
        change = {"link": link, "arch": "x86_64", "require_dkms": "True"}
        changed = await self.command(ims, "PATCH", f"recipes/{made['id']}", change)
        self.assertEqual(changed, made | change | {"require_dkms": True})
        await self.command(ims, "DELETE", f"recipes/{made['id']}")
        path = f"deleted/recipes/{made['id']}"
        self.assertEqual((await self.command(ims, "GET", path))["name"], "sles")
        await self.command(ims, "PATCH", path, {"operation": "undelete"})
        self.assertEqual(await self.command(ims, "GET", "recipes"), [changed])

    async def test_images(self) -> None:
        """Metadata as a key and a value."""
        ims = await self.start_below_gateway()
        given = {"name": "x", "arch": "x86_64", "metadata": {"key": "site", "value": "here"}}
        made = await self.command(ims, "POST", "images", given)
        self.assertEqual(made["metadata"], {"site": "here"})
        change = {
            "link": ims.put_image("one"),
            "metadata": {"operation": "set", "key": "owner", "value": "me"},
        }
        changed = await self.command(ims, "PATCH", f"images/{made['id']}", change)
        self.assertEqual(changed["metadata"], {"site": "here", "owner": "me"})
        self.assertEqual(changed["link"], change["link"])
        for item in (f"/{made['id']}", ""):
            await self.command(ims, "DELETE", f"images{item}")
            await self.command(ims, "PATCH", f"deleted/images{item}", {"operation": "undelete"})
            self.assertEqual(await self.command(ims, "GET", "images"), [changed])
        await self.command(ims, "DELETE", "images")
        await self.command(ims, "DELETE", "deleted/images")
        self.assertEqual(ims.keys(), set())

    async def test_jobs(self) -> None:
        """It always says what the kernel is called."""
        ims = await self.start_below_gateway(kept_job(1), kept_job(2, status="error"))
        image = await ims.make("/images", name="x", link=ims.put_image("one"), arch="aarch64")
        key = await ims.make("/public-keys", name="k", public_key=PUBLIC_KEY)
        given = {
            "job_type": "customize",
            "artifact_id": image["id"],
            "public_key_id": key["id"],
            "image_root_archive_name": "new",
            "kernel_file_name": "vmlinuz",
            "initrd_file_name": "initrd",
            "enable_debug": "False",
            "build_env_size": "15",
            "require_dkms": "True",
            "ssh_containers": [{"name": "me", "jail": "True"}],
        }
        answer = await ims.ask("POST", "/apis/ims/v3/jobs", given)
        self.assert_problem(answer, 503, "no job backend is configured")
        first, second = await self.command(ims, "GET", "jobs")
        self.assertEqual(await self.command(ims, "GET", f"jobs/{first['id']}"), first)
        await self.command(ims, "DELETE", "jobs?status=error&job_type=create&age=1d")
        self.assertEqual(await self.command(ims, "GET", "jobs"), [first])
        await self.command(ims, "DELETE", f"jobs/{first['id']}")
        self.assert_problem(await ims.ask("GET", f"/apis/ims/v3/jobs/{second['id']}"), 404)
        self.assert_problem(await ims.ask("GET", f"/apis/ims/v3/jobs/{NOBODY}"), 404)

    async def test_remote_build_nodes(self) -> None:
        ims = await self.start_below_gateway()
        node = {"xname": "x3000c0s19b1n0"}
        self.assertEqual(await self.command(ims, "POST", "remote-build-nodes", node), node)
        path = f"remote-build-nodes/{node['xname']}"
        self.assertEqual(await self.command(ims, "GET", path), node)
        [status] = await self.command(ims, "GET", "remote-build-nodes/status")
        self.assertFalse(status["ableToRunJobs"])
        await self.command(ims, "DELETE", path)
        await self.command(ims, "DELETE", "remote-build-nodes")
