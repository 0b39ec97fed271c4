"""What PostgreSQL's planner knows of our tables: soon after they have changed, and not only when autovacuum comes by.

A planner that takes a table for empty reads a hundred thousand rows for each claim of ten; a plan that is kept with a prepared
statement is made anew when its table is analyzed.
"""

from __future__ import annotations

from django.db import connection

# As autovacuum does, which looks once a minute; a table of fewer rows is read in a moment whatever the plan.
_CHANGED = """
    SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables
    WHERE relname LIKE 'blast_api_%' AND n_mod_since_analyze > 1000 + n_live_tup * 0.1
"""


def refresh() -> int:
    """Have the tables analyzed that have changed much since they last were; answers how many."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED)
        tables = [name for (name,) in cursor.fetchall()]
        for name in tables:
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {name}")
    return len(tables)
