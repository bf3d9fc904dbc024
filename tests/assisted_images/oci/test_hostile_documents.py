"""Whatever a registry sends is read or told, and nothing else happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci import manifests
from assisted_images.oci.errors import PayloadError
from assisted_images.oci.image_references import (
    machine_os_images,
    release_version,
)
from assisted_images.oci.manifests import parse
from tests.assisted_images.oci.documents import (
    DOCKER_LIST,
    OCI,
    OCI_INDEX,
    OCI_MANIFEST,
    image_stream,
    index,
    manifest,
)
from tests.properties import given

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda below: st.lists(below) | st.dictionaries(st.text(max_size=5), below),
    max_leaves=6,
)
DOCUMENTS = [
    manifest(OCI_MANIFEST, OCI + "layer.v1.tar+gzip", "x"),
    index(DOCKER_LIST, ("linux", "amd64"), ("unknown", "unknown")),
    image_stream(),
]


def places_in(document: Any) -> list[tuple[Any, ...]]:
    """The ways to each value in a document."""
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    return [(), *((key, *below) for key, value in items for below in places_in(value))]


def replaced(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at one place."""
    if not place:
        return value
    key, *rest = place
    inner = replaced(document[key], tuple(rest), value)
    if isinstance(document, dict):
        return document | {key: inner}
    return [*document[:key], inner, *document[key + 1 :]]


class FuzzTests(SynchronousTestCase):
    """Whatever a registry sends, only errors of this package come out, as one line of text."""

    def assert_told(self, raw: bytes) -> None:
        readers: list[Callable[[bytes], object]] = [
            lambda raw: parse(raw, None),
            lambda raw: parse(raw, OCI_INDEX),
            manifests.config_architecture,
            machine_os_images,
            release_version,
        ]
        for reader in readers:
            try:
                reader(raw)
            except PayloadError as error:
                self.assertTrue(str(error).isprintable(), str(error))
                self.assertLess(len(str(error)), 1000)

    @given(st.data(), JSON)
    def test_one_value_is_another(self, data: st.DataObject, value: Any) -> None:
        document = data.draw(st.sampled_from(DOCUMENTS))
        place = data.draw(st.sampled_from(places_in(document)))
        self.assert_told(json.dumps(replaced(document, place, value)).encode())

    @given(st.sampled_from(DOCUMENTS), st.integers(0, 2000), st.binary(max_size=4))
    def test_some_bytes_are_others(self, document: Any, place: int, other: bytes) -> None:
        raw = json.dumps(document).encode()
        place %= len(raw)
        self.assert_told(raw[:place] + other + raw[place + len(other) :])
        self.assert_told(raw[:place])
