"""Records over HTTP: made, listed, changed, deleted for good or softly, and brought back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.image_management.service import COMMENT, NOBODY, PUBLIC_KEY, ServiceTestCase, json_of

BASES = "", "/v2", "/v3"

INPUTS: Mapping[str, dict[str, Any]] = {
    "public-keys": {"name": "key", "public_key": PUBLIC_KEY},
    "recipes": {"name": "recipe", "recipe_type": "kiwi-ng", "linux_distribution": "sles15"},
    "images": {"name": "image"},
}
"""The least that makes a record of each kind."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "public-keys": {},
    "recipes": {
        "link": None,
        "template_dictionary": [],
        "require_dkms": True,
        "arch": "x86_64",
    },
    "images": {"link": None, "metadata": {}, "arch": "x86_64"},
}
"""What is in it besides."""

LINK_PATH = "link.path"

BAD_PATHS = "http://a/b", "s3://a", "s3:///b", "s3://a b/c", "s3://a/\0", "s3://a/../b"

UNDELETE = {"operation": "undelete"}


class RecordTests(ServiceTestCase):
    """What holds of every kind, whichever way it is asked for."""

    async def test_made_and_read(self) -> None:
        """Whatever version of a path makes one, every version has it, in order of creation."""
        ims = await self.start()
        for kind, given in INPUTS.items():
            made = [await ims.make(f"{base}/{kind}", **given) for base in BASES]
            for one in made:
                id, created = one["id"], one["created"]
                self.assertEqual(one, {"id": id, "created": created, **DEFAULTS[kind], **given})
                self.assertTrue(created.endswith("+00:00"), created)
                self.assertEqual(id[14], "4")
            for base in BASES:
                self.assertEqual(await ims.get(f"{base}/{kind}"), made)
                for one in made:
                    path = f"{base}/{kind}/{one['id']}"
                    got, head = await ims.ask("GET", path), await ims.ask("HEAD", path)
                    self.assertEqual(json_of(got), one)
                    self.assertEqual((head.status, head.body), (200, b""))
                    self.assertEqual(
                        head.header("content-length"), got.header("content-length"), path
                    )

    async def test_deleted_for_good(self) -> None:
        ims = await self.start()
        for base in BASES[:2]:
            for kind, given in INPUTS.items():
                first = (await ims.make(f"{base}/{kind}", **given))["id"]
                others = [(await ims.make(f"{base}/{kind}", **given))["id"] for _ in range(2)]
                self.assert_nothing(await ims.ask("DELETE", f"{base}/{kind}/{first}"))
                self.assert_problem(await ims.ask("DELETE", f"{base}/{kind}/{first}"), 404)
                self.assert_problem(await ims.ask("GET", f"{base}/{kind}/{first}"), 404, first)
                self.assertEqual(await ims.lists(f"{base}/{kind}"), others)
                self.assert_nothing(await ims.ask("DELETE", f"{base}/{kind}"))
                self.assertEqual(await ims.lists(f"{base}/{kind}"), [])
                self.assertEqual(await ims.lists(f"/v3/deleted/{kind}"), [])

    async def test_deleted_softly(self) -> None:
        """And back to the place that it had."""
        ims = await self.start()
        for kind, given in INPUTS.items():
            live, deleted = f"/v3/{kind}", f"/v3/deleted/{kind}"
            records = [await ims.make(live, **given) for _ in range(3)]
            ids = [one["id"] for one in records]
            self.assert_nothing(await ims.ask("DELETE", f"{live}/{ids[1]}"))
            for base in BASES:
                self.assert_problem(await ims.ask("GET", f"{base}/{kind}/{ids[1]}"), 404)
                self.assertEqual(await ims.lists(f"{base}/{kind}"), [ids[0], ids[2]])
            [gone] = await ims.get(deleted)
            self.assertEqual(gone, {**records[1], "deleted": gone["deleted"]})
            self.assertEqual(await ims.get(f"{deleted}/{ids[1]}"), gone)
            self.assert_problem(await ims.ask("GET", f"{deleted}/{ids[0]}"), 404)
            self.assert_nothing(await ims.ask("PATCH", f"{deleted}/{ids[1]}", UNDELETE))
            self.assertEqual(await ims.get(live), records)
            self.assert_nothing(await ims.ask("DELETE", live))
            self.assertEqual((await ims.lists(live), await ims.lists(deleted)), ([], ids))
            self.assert_nothing(await ims.ask("DELETE", f"{deleted}/{ids[0]}"))
            self.assert_nothing(await ims.ask("PATCH", deleted, UNDELETE))
            self.assertEqual(await ims.get(live), records[1:])
            self.assert_nothing(await ims.ask("DELETE", live))
            self.assert_nothing(await ims.ask("DELETE", deleted))
            self.assertEqual((await ims.lists(live), await ims.lists(deleted)), ([], []))

    async def test_nodes(self) -> None:
        """Adding one again is fine."""
        ims = await self.start()
        nodes = "/v3/remote-build-nodes"
        names = ["x3000c0s19b1n0", "x3000c0s19b2n0"]
        for xname in (*names, names[0]):
            self.assertEqual(await ims.make(nodes, xname=xname), {"xname": xname})
        self.assertEqual(await ims.lists(nodes), names)
        self.assertEqual(await ims.get(f"{nodes}/{names[1]}"), {"xname": names[1]})
        status = await ims.get(f"{nodes}/status/{names[0]}")
        self.assertEqual(
            [*status],
            ["xname", "sshStatus", "podmanStatus", "nodeArch", "numCurrentJobs", "ableToRunJobs"],
        )
        self.assertIn("IMS_REMOTE_KEY_FILE: /app/id_ecdsa", status["sshStatus"])
        self.assertEqual((status["nodeArch"], status["ableToRunJobs"]), ("Unknown", False))
        self.assertEqual(await ims.lists(f"{nodes}/status"), names)
        self.assert_problem(await ims.ask("GET", f"{nodes}/status/x1"), 404)
        self.assert_nothing(await ims.ask("DELETE", f"{nodes}/{names[0]}"))
        self.assert_problem(await ims.ask("DELETE", f"{nodes}/{names[0]}"), 404)
        self.assert_nothing(await ims.ask("DELETE", nodes))
        self.assertEqual(await ims.lists(nodes), [])

    async def test_lists(self) -> None:
        """Some of them, where the query says which."""
        ims = await self.start()
        made = [
            await ims.make("/images", name=f"image {number % 2}", arch=arch)
            for number, arch in enumerate(["x86_64", "aarch64", "x86_64"])
        ]
        recipe = await ims.make("/recipes", **INPUTS["recipes"], require_dkms="no")
        ids = [one["id"] for one in made]
        for query, expected in {
            "": ids,
            "limit=2": ids[:2],
            "limit=99": ids,
            f"after={ids[0]}": ids[1:],
            f"limit=1&after={ids[0]}": [ids[1]],
            f"after={ids[2]}": [],
            "name=image%200": [ids[0], ids[2]],
            "name=": [],
            "arch=aarch64": [ids[1]],
            "arch=x86_64&name=image+0&limit=1": [ids[0]],
            "arch=x86_64&name=image+1": [],
            "nonsense=1&nonsense=2": ids,
        }.items():
            self.assertEqual(await ims.lists(f"/images?{query}"), expected, query)
        for query, expected in (("no", [recipe["id"]]), ("true", []), ("0", [recipe["id"]])):
            self.assertEqual(await ims.lists(f"/recipes?require_dkms={query}"), expected)
        for query in (
            "limit=0",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=1&limit=2",
            f"after={NOBODY}",
            "arch=arm",
            "arch=",
            "name=%ff",
            "name=a&name=b",
        ):
            name = query.partition("=")[0]
            self.assert_problem(await ims.ask("GET", f"/images?{query}"), 400, f"'{name}'")
        self.assert_nothing(await ims.ask("DELETE", f"/v3/images/{ids[1]}"))
        self.assertEqual(await ims.lists("/v3/deleted/images?arch=aarch64"), [ids[1]])
        self.assertEqual(await ims.lists("/v3/deleted/images?arch=x86_64"), [])
        longest = max(map(len, ims.process.lines))
        self.assertLess(longest, 600, "what is listed is not logged")


class LenientTests(ServiceTestCase):
    """What is taken, although it is not quite as it is shown."""

    async def test_recipes(self) -> None:
        ims = await self.start()
        given = INPUTS["recipes"]
        pairs = [{"key": "A", "value": "1"}, {"key": "B", "value": ""}]
        for sent, members in (
            ({"require_dkms": "False"}, {"require_dkms": False}),
            ({"require_dkms": "0"}, {"require_dkms": False}),
            ({"require_dkms": 1}, {"require_dkms": True}),
            ({"template_dictionary": {"A": "1", "B": ""}}, {"template_dictionary": pairs}),
            ({"template_dictionary": pairs}, {"template_dictionary": pairs}),
            ({"template_dictionary": None}, {"template_dictionary": []}),
            ({"linux_distribution": "sles15.6"}, {"linux_distribution": "sles15.6"}),
            ({"link": None}, {"link": None}),
        ):
            made = await ims.make("/v3/recipes", **{**given, **sent})
            self.assertEqual({name: made[name] for name in members}, members, sent)
        patched = {"require_dkms": "no", "template_dictionary": {"C": "3"}, "arch": "aarch64"}
        answer = json_of(await ims.ask("PATCH", f"/recipes/{made['id']}", patched))
        self.assertEqual(
            answer,
            {
                **made,
                "require_dkms": False,
                "template_dictionary": [{"key": "C", "value": "3"}],
                "arch": "aarch64",
            },
        )
        self.assertEqual(await ims.get(f"/recipes/{made['id']}"), answer)

    async def test_images(self) -> None:
        ims = await self.start()
        made = await ims.make("/images", name="x", metadata={"key": "a", "value": "b"})
        path = f"/images/{made['id']}"
        for change, metadata in (
            ({"operation": "set", "key": "c", "value": "d"}, {"a": "b", "c": "d"}),
            ({"operation": "set", "key": "a"}, {"a": "", "c": "d"}),
            ({"operation": "remove", "key": "a"}, {"c": "d"}),
            ({"operation": "remove", "key": "a", "value": "x"}, {"c": "d"}),
        ):
            answer = json_of(await ims.ask("PATCH", path, {"metadata": change}))
            self.assertEqual(answer["metadata"], metadata)


class OrderTests(ServiceTestCase):
    """What is found out first, where several things are wrong."""

    async def test_order(self) -> None:
        ims = await self.start()
        image = f"/images/{(await ims.make('/images', name='x'))['id']}"
        nobody = f"/images/{NOBODY}"
        twice = b'{"name": "a", "name": "b"}'
        plain = {"Content-Type": "text/plain"}
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        for method, path, body, headers, status in (
            # Who or what it is comes before what was sent.
            ("PATCH", nobody, b"{", plain, 404),
            ("PATCH", f"/v3/deleted/images/{NOBODY}", b"{", {}, 404),
            ("PATCH", f"/v3/deleted{image}", b"{", {}, 404),
            ("PATCH", "/nothing", b"{", {}, 404),
            ("PATCH", "/images", b"{", {}, 405),
            # The type comes before the content.
            *(
                (method, path, body, headers, 415)
                for method, path in (
                    ("POST", "/images"),
                    ("POST", "/v3/jobs"),
                    ("PATCH", image),
                    ("PATCH", "/v3/deleted/images"),
                )
                for body in (b"{}", b"{", b"\xff", b'{"name": "x"}')
                for headers in (plain, form)
            ),
            # Whether it can be read comes before what it says.
            *(
                (method, path, body, {}, 400)
                for method, path in (
                    ("POST", "/images"),
                    ("POST", "/public-keys"),
                    ("POST", "/v2/recipes"),
                    ("POST", "/jobs"),
                    ("POST", "/v3/remote-build-nodes"),
                    ("PATCH", image),
                    ("PATCH", "/v3/deleted/recipes"),
                )
                for body in (b"", b"{", b"{}", b"[]", b"null", b"\xff\xff", twice, b'{"name": NaN}')
            ),
            ("POST", "/images", b'{"name": "a", "x": Infinity}', {}, 400),
            # No object, or no good one.
            *(
                (method, path, body, {}, 422)
                for method, path in (("POST", "/images"), ("PATCH", image), ("POST", "/jobs"))
                for body in (b"[1]", b'"x"', b"1", b'{"nmae": "x"}')
            ),
        ):
            sent = {"Content-Type": "application/json; charset=utf-8"} | dict(headers)
            answer = await ims.ask(method, path, body=body, headers=sent)
            self.assert_problem(answer, status)
        self.assert_problem(await ims.ask("POST", "/images", body=b'"' + b"x" * 1024**2), 413)
        self.assertEqual(await ims.lists("/images"), [image.rpartition("/")[2]])

    async def test_fields(self) -> None:
        """Each that is wrong is named, nested ones within their own."""
        ims = await self.start()
        image = f"/v3/images/{(await ims.make('/images', name='x'))['id']}"
        key, recipe = INPUTS["public-keys"], INPUTS["recipes"]
        for method, path, given, field in (
            ("POST", "/images", {"arch": "x86_64"}, "name"),
            ("POST", "/images", {"name": 1}, "name"),
            ("POST", "/images", {"name": ""}, "name"),
            ("POST", "/images", {"name": "x", "id": NOBODY}, "id"),
            ("POST", "/images", {"name": "x", "created": "2020-01-01T00:00:00"}, "created"),
            ("POST", "/images", {"name": "x", "arch": "arm"}, "arch"),
            ("POST", "/images", {"name": "x", "metadata": {"a": 1}}, "metadata"),
            ("POST", "/images", {"name": "x\0"}, "name"),
            ("POST", "/images", {"name": "x", "link": {"path": "s3://a/b"}}, "link.type"),
            *(
                (
                    "POST",
                    "/images",
                    {"name": "x", "link": {"path": path, "type": "s3"}},
                    "link.path",
                )
                for path in (
                    "http://a/b",
                    "s3://a",
                    "s3:///b",
                    "s3://a b/c",
                    "s3://a/\0",
                    "s3://a/../b",
                )
            ),
            ("POST", "/public-keys", {**key, "public_key": "secret"}, "public_key"),
            ("POST", "/public-keys", {**key, "public_key": ""}, "public_key"),
            ("POST", "/public-keys", {**key, "public_key": f"ssh-rsa A {COMMENT}"}, "public_key"),
            (
                "POST",
                "/public-keys",
                {**key, "public_key": f'command="x" {PUBLIC_KEY}'},
                "public_key",
            ),
            ("POST", "/recipes", {**recipe, "recipe_type": "docker"}, "recipe_type"),
            ("POST", "/recipes", {**recipe, "linux_distribution": "SLES 15"}, "linux_distribution"),
            ("POST", "/recipes", {**recipe, "require_dkms": "perhaps"}, "require_dkms"),
            (
                "POST",
                "/recipes",
                {**recipe, "template_dictionary": [{"key": "a"}]},
                "template_dictionary.0.value",
            ),
            ("POST", "/v3/remote-build-nodes", {"xname": "a b"}, "xname"),
            ("POST", "/v3/remote-build-nodes", {"xname": "status"}, "xname"),
            ("PATCH", image, {"name": "y"}, "name"),
            ("PATCH", image, {"link": None}, "link"),
            ("PATCH", image, {"metadata": {"operation": "add", "key": "a"}}, "metadata.operation"),
            ("PATCH", image, {"arch": "aarch64", "metadata": {}}, "metadata.key"),
            ("PATCH", "/v3/deleted/images", {"operation": "delete"}, "operation"),
        ):
            answer = await ims.ask(method, path, given)
            problem = self.assert_problem(answer, 422)
            found: Any = problem["errors"]
            for name in field.split("."):
                self.assertIn(name, found, f"{given}: {answer.text}")
                found = found[name]
            self.assertTrue(found and all(isinstance(one, str) for one in found), answer.text)
            self.assertNotIn("secret", json.dumps(problem["errors"]))
        self.assertEqual((await ims.get(image))["arch"], "x86_64")
