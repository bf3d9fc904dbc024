"""What clients may send, for each kind of records: members, their types, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from image_management.records.fields import (
    LONGEST_NAME,
    Boolean,
    FileName,
    FullMatch,
    Identifier,
    Integer,
    KeysAndValues,
    Metadata,
    PublicKeys,
    Text,
    not_blank,
)
from image_management.records.nested import (
    KeyAndValue,
    LinkInput,
    MetadataChange,
    SshContainerInput,
)
from image_management.records.words import (
    Architecture,
    JobOperation,
    JobStatus,
    JobType,
    RecipeType,
)

LARGEST_SIZE = 1_000_000
"""GiB of a job's memory and storage: what is more is a slip."""


def word(words: type[StrEnum], what: str, meaning: str, **options: Any) -> Text:
    """A field whose text is one of some words."""
    choices = validate.OneOf(
        [each.value for each in words], error=f"{what} must be one of: {{choices}}."
    )
    return Text(validate=choices, metadata={"description": meaning}, **options)


def architecture(**options: Any) -> Text:
    """The field C{arch}."""
    return word(Architecture, "Architecture", "The processors that it is for.", **options)


def distribution(**options: Any) -> Text:
    """The field C{linux_distribution}."""
    return Text(
        validate=FullMatch(
            "^[a-z0-9.-]{1,64}$",
            error="Expected small letters, digits, '.' and '-', such as sles15.",
        ),
        metadata={"description": "What the recipe makes, such as sles15.", "example": "sles15"},
        **options,
    )


def link(**options: Any) -> fields.Nested:
    """The field C{link}."""
    return fields.Nested(
        LinkInput, metadata={"description": "Where its artifact is in S3."}, **options
    )


def template_dictionary(
    meaning: str = "What is filled into the recipe's templates.", **options: Any
) -> KeysAndValues:
    """The field C{template_dictionary}."""
    return KeysAndValues(fields.Nested(KeyAndValue), metadata={"description": meaning}, **options)


def _template_dictionary() -> KeysAndValues:
    return template_dictionary(
        "What is filled into the recipe's templates; null is nothing. A JSON object of texts is"
        " taken, too.",
        allow_none=True,
    )


def require_dkms(
    meaning: str = "Whether building needs kernel modules.", **options: Any
) -> Boolean:
    """The field C{require_dkms}."""
    return Boolean(metadata={"description": meaning}, **options)


def _size(meaning: str) -> Integer:
    return Integer(
        validate=validate.Range(min=1, max=LARGEST_SIZE), metadata={"description": meaning}
    )


def _file_name(meaning: str, **options: Any) -> FileName:
    pattern = {"pattern": r"^(?![-.])[^/\u0000-\u001f\u007f]*$", "maxLength": LONGEST_NAME}
    return FileName(metadata={"description": meaning, **pattern}, **options)


class PublicKeyInput(Schema):
    """What C{POST /public-keys} takes."""

    name = Text(required=True, validate=not_blank, metadata={"description": "What it is called."})
    public_key = PublicKeys(
        required=True,
        validate=not_blank,
        metadata={
            "description": "One SSH public key or several, one a line, as in authorized_keys,"
            " without options.",
            "example": "ssh-ed25519"
            " AAAAC3NzaC1lZDI1NTE5AAAAIEQ5fcITJ5hElBYfF3THVr72pEdxVsTffvFRNlwQEruP me@example",
        },
    )


class RecipeInput(Schema):
    """What C{POST /recipes} takes."""

    name = Text(required=True, validate=not_blank, metadata={"description": "What it is called."})
    recipe_type = word(RecipeType, "Recipe type", "What builds images from it.", required=True)
    linux_distribution = distribution(required=True)
    link = link(allow_none=True)
    template_dictionary = _template_dictionary()
    require_dkms = require_dkms()
    arch = architecture()


class RecipePatch(Schema):
    """What C{PATCH /recipes/{id}} takes, some of it."""

    link = link()
    arch = architecture()
    require_dkms = require_dkms()
    template_dictionary = _template_dictionary()


class ImageInput(Schema):
    """What C{POST /images} takes."""

    name = Text(
        required=True,
        validate=not_blank,
        metadata={"description": "What it is called; several may have one name."},
    )
    link = link(allow_none=True)
    arch = architecture()
    metadata = Metadata(
        metadata={
            "description": "Texts by their names. One of them may be sent as"
            ' {"key": …, "value": …}, too.'
        }
    )


class ImagePatch(Schema):
    """What C{PATCH /images/{id}} takes, some of it."""

    link = link()
    arch = architecture()
    metadata = fields.Nested(
        MetadataChange, metadata={"description": "One change of the metadata."}
    )


class JobInput(Schema):
    """What C{POST /jobs} takes."""

    job_type = word(JobType, "Job type", "What it does.", required=True)
    artifact_id = Identifier(
        required=True,
        metadata={"description": "The recipe that is built, or the image that is customized."},
    )
    public_key_id = Identifier(
        required=True, metadata={"description": "Whose keys may log in, a record of public-keys."}
    )
    image_root_archive_name = _file_name(
        "What the image that comes of it is called.", required=True, validate=not_blank
    )
    enable_debug = Boolean(
        metadata={"description": "Whether a build that failed waits for somebody to look."}
    )
    build_env_size = _size("GiB of storage to work in.")
    job_mem_size = _size("GiB of memory.")
    kernel_file_name = _file_name(
        "The kernel's file in /boot; empty or not sent: vmlinuz, or Image on aarch64."
    )
    initrd_file_name = _file_name("The initrd's file in /boot.", validate=not_blank)
    kernel_parameters_file_name = _file_name(
        "The file in /boot with the kernel's parameters.", validate=not_blank
    )
    require_dkms = require_dkms("Whether it needs kernel modules; not sent: as its recipe.")
    ssh_containers = fields.List(
        fields.Nested(SshContainerInput),
        allow_none=True,
        metadata={"description": "What to log in to: at most one, and only to customize."},
    )


class JobPatch(Schema):
    """What C{PATCH /jobs/{id}} takes, some of it."""

    status = word(JobStatus, "Job status", "How far it is.")
    resultant_image_id = Identifier(metadata={"description": "The image that came of it."})
    operation = word(
        JobOperation, "Operation", "Ends the user's turn; nothing else is sent with it."
    )

    @validates_schema
    def _operation_alone(self, given: Mapping[str, Any], **_: Any) -> None:
        if "operation" in given and len(given) > 1:
            raise ValidationError("Expected nothing besides it.", "operation")


def _no_route(xname: str) -> None:
    if xname == "status":
        raise ValidationError("This is the path of all nodes' status; expected an xname.")


class RemoteBuildNodeInput(Schema):
    """What C{POST /remote-build-nodes} takes."""

    xname = Text(
        required=True,
        validate=[
            FullMatch(
                "^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$",
                error="Not an xname: expected a host's name, such as x3000c0s19b0n0.",
            ),
            _no_route,
        ],
        metadata={
            "description": "The node, which is the host of this name, too.",
            "example": "x3000c0s19b0n0",
        },
    )


class Undelete(Schema):
    """What C{PATCH} takes of what was deleted."""

    operation = Text(
        required=True,
        validate=validate.OneOf(["undelete"], error="Operation must be one of: {choices}."),
        metadata={"description": "Bring it back, with its artifacts."},
    )
