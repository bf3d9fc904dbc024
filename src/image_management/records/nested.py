"""The objects within what clients send and records have."""

from __future__ import annotations

from marshmallow import Schema, validate

from image_management.records.fields import Boolean, LinkPath, Text, not_blank
from image_management.records.links import LINK_TYPE


class LinkInput(Schema):
    """Where an artifact is."""

    path = LinkPath(
        required=True,
        metadata={
            "description": "The S3 object, as s3://bucket/key.",
            "pattern": "^s3://[A-Za-z0-9._-]{1,255}/+[^/]",
            "example": "s3://boot-images/3ab7f9c2-6b1c-4d52-a2a3-5d4b4be0c5d9/manifest.json",
        },
    )
    etag = Text(
        load_default="",
        metadata={"description": "The object's entity tag, without quotes; empty where unknown."},
    )
    type = Text(
        required=True,
        validate=validate.OneOf([LINK_TYPE], error="Link type must be one of: {choices}."),
        metadata={"description": "Where the artifact is kept."},
    )


class KeyAndValue(Schema):
    """One entry of a recipe's template dictionary."""

    key = Text(
        required=True,
        validate=not_blank,
        metadata={"description": "What stands in the recipe's templates."},
    )
    value = Text(required=True, metadata={"description": "What takes its place."})


class SshContainerInput(Schema):
    """What somebody who customises an image logs in to."""

    name = Text(required=True, validate=not_blank, metadata={"description": "What it is called."})
    jail = Boolean(
        load_default=False,
        metadata={
            "description": "Whether a session sees the image's root as its own, and no more."
        },
    )


class MetadataChange(Schema):
    """One change of an image's metadata."""

    operation = Text(
        required=True,
        validate=validate.OneOf(["set", "remove"], error="Operation must be one of: {choices}."),
        metadata={"description": "What to do; to remove a key that is not there is fine."},
    )
    key = Text(required=True, validate=not_blank, metadata={"description": "Whose value changes."})
    value = Text(
        load_default="",
        metadata={"description": "The new value; removing, it does not matter."},
    )
