"""What is read of manifests, and plans in the journal."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.images.manifests import (
    BadManifest,
    check_manifest,
    manifest_bytes,
    outdated,
    read_manifest,
    with_etags,
)
from image_management.images.plans import Move, Phase, Plan, Stage
from image_management.records.links import Link
from image_management.s3.objects import ObjectFacts
from tests.properties import given

_KEYS = st.text("abc/é ", min_size=1, max_size=9).map(lambda text: f"k{text}")
_LINKS = st.builds(Link, st.sampled_from(["ims", "boot-images"]), _KEYS, st.text("0a-", max_size=5))
_FACTS = st.builds(
    ObjectFacts,
    st.text(),
    st.integers(0, 1 << 45),
    metadata=st.dictionaries(st.text(), st.text(), max_size=2),
    last_modified=st.none() | st.floats(0, 1e10),
)
_MOVES = st.builds(Move, _LINKS, _LINKS, _FACTS)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("link"), inner),
    max_leaves=8,
)


class ManifestTests(SynchronousTestCase):
    """Odd ones are read for what they name; new images take good ones only."""

    @given(_JSON, _LINKS)
    def test_anything(self, entry: Any, link: Link) -> None:
        """Whatever stands in the list, the good entries are found and nothing is lost."""
        document = {"artifacts": [entry, {"type": "t", "link": link.document}], "more": entry}
        manifest = read_manifest(manifest_bytes(document))
        self.assertEqual(manifest.artifacts[-1].link.path, link.path)
        self.assertEqual(len(manifest.artifacts) + len(manifest.problems), 2)
        now = {link.path: Link(link.bucket, link.key, "new")}
        renewed = with_etags(manifest.document, now)
        self.assertEqual(renewed["artifacts"][-1]["link"]["etag"], "new")
        self.assertEqual(renewed["more"], entry)
        self.assertEqual(outdated(manifest, now), bool(link.etag))
        self.assertFalse(outdated(read_manifest(manifest_bytes(renewed)), now))

    @given(st.binary() | _JSON.map(lambda value: json.dumps(value).encode()))
    def test_no_manifest(self, data: bytes) -> None:
        """It is one, or the error says what it is not."""
        try:
            manifest = read_manifest(data)
        except BadManifest as error:
            self.assertTrue(str(error).startswith("it "))
        else:
            self.assertIsInstance(manifest.document["artifacts"], list)

    def test_good(self) -> None:
        """What an image cannot have is told."""
        link = Link("ims", "key").document
        wrongs: dict[str, dict[str, Any]] = {
            "version is no text; expected 1.0": {"artifacts": []},
            "version is '2.0'; expected 1.0": {"version": "2.0", "artifacts": []},
            "artifact 0: it is no JSON object": {"version": "1.0", "artifacts": [7]},
            "artifact 0: link: ": {"version": "1.0", "artifacts": [{"type": "t"}]},
            "'s3://ims/key' has no type": {"version": "1.0", "artifacts": [{"link": link}]},
        }
        for wrong, document in wrongs.items():
            manifest = read_manifest(manifest_bytes(document))
            error = self.assertRaises(BadManifest, check_manifest, manifest)
            self.assertIn(wrong, str(error))
        good = {"version": "1.0", "artifacts": [{"type": "t", "link": link}]}
        check_manifest(read_manifest(manifest_bytes(good)))


class StageTests(SynchronousTestCase):
    """What the journal has of an operation."""

    @given(
        st.sampled_from(Phase),
        st.builds(
            Plan,
            st.lists(_MOVES, max_size=3).map(tuple),
            st.none() | _LINKS,
            st.none() | st.dictionaries(st.text(), _JSON, max_size=2),
            st.none() | _MOVES,
            st.lists(_LINKS, max_size=2).map(tuple),
            st.lists(_LINKS, max_size=1).map(tuple),
            st.lists(st.text(), max_size=2).map(tuple),
        ),
    )
    def test_round_trip(self, phase: Phase, plan: Plan) -> None:
        """It is read as it was written."""
        state = json.loads(json.dumps(Stage(phase, plan).state))
        self.assertEqual(Stage.read(state), Stage(phase, plan))
