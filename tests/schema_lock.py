"""Writes config/schema.json from the migrations as they are: `make schema-lock`."""

from __future__ import annotations

import sys

from tests import cluster


def main() -> None:
    cluster.set_environment()
    server = cluster.ensure_started()
    name = "test_0_schema_lock"
    cluster.fresh_database(name)
    try:
        sys.stdout.write(cluster.manage(server, name, "schema_lock"))
    finally:
        cluster.drop_database(name)


if __name__ == "__main__":
    main()
