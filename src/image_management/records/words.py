"""The words that members of records are."""

from __future__ import annotations

from enum import StrEnum


class Architecture(StrEnum):
    """What processors something is for."""

    X86_64 = "x86_64"
    AARCH64 = "aarch64"


class RecipeType(StrEnum):
    """What builds an image from a recipe."""

    KIWI_NG = "kiwi-ng"
    PACKER = "packer"


class JobType(StrEnum):
    """What a job does."""

    CREATE = "create"
    """Builds an image from a recipe."""

    CUSTOMIZE = "customize"
    """Opens an image over SSH, and makes an image of what somebody has made of it."""


class JobStatus(StrEnum):
    """How far a job is."""

    CREATING = "creating"
    FETCHING_IMAGE = "fetching_image"
    FETCHING_RECIPE = "fetching_recipe"
    WAITING_FOR_REPOS = "waiting_for_repos"
    BUILDING_IMAGE = "building_image"
    PACKAGING_ARTIFACTS = "packaging_artifacts"
    WAITING_ON_USER = "waiting_on_user"
    ERROR = "error"
    SUCCESS = "success"


class JobOperation(StrEnum):
    """What the user of a job may want of it."""

    FINISH = "finish"
    """To make an image of what there is now."""

    FAIL = "fail"
    """To give it up."""


class ContainerStatus(StrEnum):
    """Whether somebody can log in."""

    PENDING = "pending"
    ESTABLISHING = "establishing"
    ACTIVE = "active"
    COMPLETE = "complete"


_TRUE = frozenset({"true", "yes", "y", "t", "1", "on"})
_FALSE = frozenset({"false", "no", "n", "f", "0", "off"})


def truth(word: str) -> bool | None:
    """Whether a word, in any case, or a digit means true; C{None}: it means neither."""
    small = word.lower()
    return small in _TRUE if small in _TRUE | _FALSE else None
