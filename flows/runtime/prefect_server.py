"""`python -m flows.runtime.prefect_server`: Prefect's server, mended where SQLAlchemy 2.1 broke its schedules.

Prefect 3.8.8 inserts the runs of a schedule together with their `state`, a hybrid property that is no column.
SQLAlchemy 2.0 passed over it; 2.1 refuses the statement, so that no schedule of Prefect's ever starts a run.
"""

import sys
from collections.abc import MutableMapping
from typing import Any


def pass_over_hybrid_properties() -> None:
    """Let bulk inserts of runs pass over properties that are no columns, as SQLAlchemy 2.0 did."""
    from prefect.server.database.orm_models import FlowRun, TaskRun
    from sqlalchemy.ext.hybrid import hybrid_property
    from sqlalchemy.orm import class_mapper

    for runs in (FlowRun, TaskRun):
        for attribute in class_mapper(runs).all_orm_descriptors.values():
            if isinstance(attribute, hybrid_property) and getattr(attribute, "bulk_dml_setter", _leave) is None:
                setattr(attribute, "bulk_dml_setter", _leave)  # noqa: B010 - absent before 2.1


def _leave(_runs: type, _row: MutableMapping[str, Any], _value: Any) -> None:
    """Write nothing into the row that is inserted."""


def main() -> None:
    """Run Prefect's command line, with the arguments of this one."""
    pass_over_hybrid_properties()
    from prefect.cli import app

    sys.argv[0] = "prefect"
    app()


if __name__ == "__main__":
    main()
