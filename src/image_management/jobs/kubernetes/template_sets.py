"""
The templates of a kind of jobs: the site's own, in the files of Cray's chart, or those that come
with this service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from httpd.texts import os_error_text
from image_management.jobs.kubernetes.places import BUILT_IN_PLACES, places_of
from image_management.jobs.kubernetes.resources import (
    CLAIM,
    CONFIG_MAP,
    JOB,
    SERVICE,
    Resource,
)
from image_management.jobs.kubernetes.templates import BadTemplate, Template, parsed
from image_management.records.words import JobType, RecipeType

Variant = tuple[JobType, RecipeType | None]
"""A kind of jobs that has templates of its own; jobs that customize have no recipe."""

VARIANTS: tuple[Variant, ...] = (
    *((JobType.CREATE, recipe_type) for recipe_type in RecipeType),
    (JobType.CUSTOMIZE, None),
)

_WORDS: Mapping[Resource, str] = {
    CONFIG_MAP: "configmap",
    CLAIM: "pvc",
    SERVICE: "service",
    JOB: "job",
}
"""What Cray's files call the objects that are made of templates, in the order of their making."""

_BUILT_IN = Path(__file__).parent / "built_in"


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """The templates of a kind of jobs, one for each object."""

    by_resource: Mapping[Resource, Template]


def template_sets(folder: Path) -> Mapping[Variant, TemplateSet]:
    """
    The templates, by whom they are for.  Where a site has none at all, those of this service are
    taken.  Blocking.

    @param folder: where a site's are.
    @raise BadTemplate: one cannot be used; the text says which file and line.
    """
    if has_templates(folder):
        return {
            variant: _read({one: folder / _site_name(variant, one) for one in _WORDS}, variant)
            for variant in VARIANTS
            if _any_of(folder, variant)
        }
    return {
        variant: _read(
            {one: _BUILT_IN / _own_name(variant, one) for one in _WORDS}, variant, BUILT_IN_PLACES
        )
        for variant in VARIANTS
    }


def has_templates(folder: Path) -> bool:
    """Whether a site has templates.  Blocking."""
    return any(_any_of(folder, variant) for variant in VARIANTS)


def place_of(variant: Variant) -> str:
    """C{create/kiwi-ng}: where a site has the templates of a kind of jobs."""
    job_type, recipe_type = variant
    return job_type if recipe_type is None else f"{job_type}/{recipe_type}"


def _any_of(folder: Path, variant: Variant) -> bool:
    return any((folder / _site_name(variant, one)).exists() for one in _WORDS)


def _site_name(variant: Variant, resource: Resource) -> str:
    """C{create/kiwi-ng/image_job_create.yaml.template}: where Cray's chart has a template."""
    return f"{place_of(variant)}/image_{_WORDS[resource]}_{variant[0]}.yaml.template"


def _own_name(variant: Variant, resource: Resource) -> str:
    job_type, recipe_type = variant
    if resource is CLAIM:
        return "claim.yaml"
    if resource is JOB:
        return f"job_{recipe_type or job_type}.yaml"
    return f"{'config_map' if resource is CONFIG_MAP else 'service'}_{job_type}.yaml"


def _read(
    files: Mapping[Resource, Path], variant: Variant, more: frozenset[str] = frozenset()
) -> TemplateSet:
    places = places_of(variant[0]) | more
    return TemplateSet({one: _template(file, one, places) for one, file in files.items()})


def _template(file: Path, resource: Resource, places: frozenset[str]) -> Template:
    try:
        template = parsed(file.read_text("utf-8"), resource.kind, places)
        if resource is JOB and not template.has("spec", "template", "spec"):
            raise BadTemplate("its Job has no pod; expected spec.template.spec")
    except OSError as error:
        raise BadTemplate(f"{file} cannot be read: {os_error_text(error)}") from None
    except UnicodeDecodeError:
        raise BadTemplate(f"{file} is no text in UTF-8") from None
    except BadTemplate as error:
        raise BadTemplate(f"{file}: {error}") from None
    return template
