"""Brings the tables of an earlier release to those of this one, by Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from image_management.store.errors import StoreRefused


def migrate(connection: Connection) -> bool:
    """
    Make the tables what this release needs, within C{connection}'s transaction.

    @return: whether the database was a new one.
    @raise StoreRefused: a newer release has written to it.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    present = MigrationContext.configure(connection).get_current_heads()
    known = {script.revision for script in scripts.walk_revisions()}
    if not known.issuperset(present):
        raise StoreRefused(
            f"the database is of a newer release: its tables are of revision {', '.join(present)},"
            f" and this release knows those up to {scripts.get_current_head()}"
        )

    def steps(revisions: Any, _context: MigrationContext) -> list[Any]:
        missing = scripts.iterate_revisions("head", revisions or "base")
        return [
            MigrationStep.upgrade_from_script(scripts.revision_map, script)
            for script in reversed([*missing])
        ]

    with EnvironmentContext(config, scripts, fn=steps) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
    return not present
