"""A large database, filled by the database itself: a million tasks in some minutes.

It is as uneven as a task list that is years old: nearly everything is done, what is open is new;
one project has a fifth of all tasks, two have a tenth each, and 600 are small; half of the dates
are NULL and the others repeat; rows of one project lie far apart, since they were made in the order
of time. Everything follows from the number of a task, so each fill makes the same.

`few` is a member of 5 projects, the largest among them, `many` of 300.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper

from tasks.models import Membership, Project, Task, User

NOW = datetime(2026, 7, 1, tzinfo=UTC)
SMALL, FOREIGN = 299, 300
PLACES = 3 + SMALL + FOREIGN
_BATCH = 100_000
_TABLES = ("tasks_tasklabel", "tasks_task", "tasks_label", "tasks_membership", "tasks_project")

# Of everything: `dice` is the hash of a number as a share of 1; another salt is another dice.
_SETUP = """
    CREATE FUNCTION pg_temp.dice(i bigint, salt bigint) RETURNS float8 LANGUAGE sql IMMUTABLE
        RETURN (hashint8extended(i, salt) & 1048575) / 1048576.0;
    CREATE TEMP TABLE phrase AS
        SELECT n, string_agg('w' || floor(power(pg_temp.dice(n * 100 + k, 1), 3) * 4000), ' ')
            AS words FROM generate_series(0, 2999) n, generate_series(1, 9) k GROUP BY n;
    CREATE UNIQUE INDEX ON phrase (n);
    CREATE TEMP TABLE place AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id
        FROM tasks_project;
    CREATE TEMP TABLE person AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id
        FROM tasks_user WHERE username LIKE 'colleague%';
    INSERT INTO tasks_label (id, project_id, name, name_key, version, created_at, updated_at)
        SELECT gen_random_uuid(), id, name, name, 1, now(), now() FROM place, unnest(
            ARRAY['common', 'rare', 'unused'] || ARRAY(
                SELECT 'label ' || k FROM generate_series(1, 9) k)) name;
"""
_FROM = """
    generate_series(%s::bigint, %s::bigint) i
    CROSS JOIN LATERAL (SELECT i::float8 / %s::bigint AS age, pg_temp.dice(i, 2) AS where_) a
    CROSS JOIN LATERAL (SELECT
        timestamptz '2024-07-01 00:00Z' + age * interval '730 days' AS created_at,
        CASE WHEN where_ < 0.2 THEN 0 WHEN where_ < 0.3 THEN 1 WHEN where_ < 0.4 THEN 2
             WHEN where_ < 0.7 THEN 3 + floor((where_ - 0.4) / 0.3 * 299)
             ELSE 302 + floor((where_ - 0.7) / 0.3 * 300) END AS place_n,
        CASE WHEN pg_temp.dice(i, 3) < (CASE WHEN age < 0.85 THEN 0.02 ELSE 0.6 END)
             THEN CASE WHEN pg_temp.dice(i, 4) < 0.01 THEN 'in_progress' ELSE 'todo' END
             WHEN pg_temp.dice(i, 4) < 0.02 THEN 'cancelled' ELSE 'done' END AS state) b
    CROSS JOIN LATERAL (SELECT
        state IN ('todo', 'in_progress') AS open,
        CASE WHEN pg_temp.dice(i, 5) < 0.5
             THEN created_at::date + floor(pg_temp.dice(i, 6) * 60)::int END AS due,
        created_at + pg_temp.dice(i, 7) * interval '20 days' AS changed_at,
        (lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0') || '7'
         || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid AS key) c
    JOIN phrase p ON p.n = i * 7 %% 3000 JOIN phrase q ON q.n = i * 11 / 3 %% 3000
    JOIN phrase r ON r.n = i * 13 / 7 %% 3000
    JOIN place ON place.n = place_n
    JOIN person ON person.n = floor(power(pg_temp.dice(i, 8), 2) * 50)
"""
_SPREAD = {
    "id": "key",
    "project_id": "place.id",
    "title": "CASE WHEN i %% 20 = 3 THEN 'Weekly report' ELSE p.words END",
    "description": """'the ' || q.words || ' ' || r.words
        || CASE WHEN pg_temp.dice(i, 9) < 0.2 THEN ' report' ELSE '' END
        || CASE WHEN pg_temp.dice(i, 10) < 0.01 THEN ' invoice' ELSE '' END
        || CASE WHEN i %% 20000 = 7 THEN ' zebra' ELSE '' END""",
    "status": "state",
    "priority": """CASE WHEN pg_temp.dice(i, 11) < 0.7 THEN 0 WHEN pg_temp.dice(i, 11) < 0.999
        THEN 1 + i %% 3 ELSE 4 END""",
    "due_date": "due",
    "due_at": "(due + 1)::timestamp AT TIME ZONE 'UTC'",
    "start_date": "CASE WHEN i %% 5 = 0 THEN due - 3 END",
    # In ten digits, unique; every tenth was moved to somewhere else.
    "position": """CASE WHEN i %% 10 = 0 THEN lpad((i * 7919 %% 9999991)::text, 9, '0') || '2'
        ELSE lpad(i::text, 9, '0') || '1' END""",
    "assignee_id": """CASE WHEN i %% 10000 = 9 THEN (SELECT id FROM tasks_user
            WHERE username = 'seldom') WHEN i %% 10 = 1 THEN (SELECT id FROM tasks_user
            WHERE username = 'robot') WHEN i %% 10 < 5 THEN person.id END""",
    "created_by_id": """CASE WHEN i %% 10000 = 8 THEN (SELECT id FROM tasks_user
            WHERE username = 'seldom') WHEN i %% 10 < 5 THEN (SELECT id FROM tasks_user
            WHERE username = 'robot') ELSE person.id END""",
    "external_id": "CASE WHEN i %% 3 = 0 THEN 'EXT-' || i END",
    "created_at": "created_at",
    "updated_at": "changed_at",
    "completed_at": "CASE WHEN NOT open THEN changed_at END",
    "deleted_at": "CASE WHEN i %% 50 = 49 THEN changed_at END",
    "trashed_with": "CASE WHEN i %% 50 = 49 THEN key END",
}
_SUBTASKS = """
    UPDATE tasks_task SET parent_id = first, depth = 1 FROM (
        SELECT id, row_number() OVER block AS place, first_value(id) OVER block AS first
        FROM (SELECT id, project_id, row_number() OVER (PARTITION BY project_id ORDER BY id) / 200
              AS block FROM tasks_task WHERE deleted_at IS NULL) numbered
        WINDOW block AS (PARTITION BY project_id, block ORDER BY id)) found
    WHERE found.id = tasks_task.id AND place BETWEEN 2 AND 20
"""
_CARRY = """
    INSERT INTO tasks_tasklabel (task_id, label_id)
    SELECT task.id, label.id FROM tasks_task task
    CROSS JOIN LATERAL (SELECT hashtextextended(task.id::text, 1) & 1048575 AS dice) d
    JOIN tasks_label label ON label.project_id = task.project_id AND (
        name = 'common' AND dice % 10 < 3 OR name = 'rare' AND dice % 10000 = 5
        OR name = 'label ' || dice % 30)
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who and what the measurements name."""

    few: UUID
    many: UUID
    seldom: UUID
    robot: UUID
    colleague: UUID  # has one task of 240
    parent: UUID  # of 19 tasks in the largest project
    projects: list[UUID]  # the largest, two of half its size, the small ones, the others


def crowd(count: int) -> Crowd:
    """Fill the database with `count` tasks, unless it has so many, and say who is in it."""
    if Task.objects.count() != count:
        _fill(count)
    users = dict(User.objects.values_list("username", "pk"))
    projects = list(Project.objects.order_by("pk").values_list("pk", flat=True))
    (child,) = Task.objects.filter(project=projects[0], parent__isnull=False)[:1]
    assert child.parent_id is not None  # noqa: S101
    return Crowd(
        **{name: users[name] for name in ("few", "many", "seldom", "robot")},
        colleague=users["colleague 25"],
        parent=child.parent_id,
        projects=projects,
    )


def _fill(count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DISCARD TEMP")  # what an earlier fill left
        cursor.execute(f"TRUNCATE {', '.join(_TABLES)}, tasks_user CASCADE")
        _people_and_places()
        # Built afterwards, they take a fraction of the time.
        indexes = _without_indexes(cursor)
        cursor.execute(_SETUP)
        columns, expressions = zip(*_columns(), strict=True)
        insert = f"INSERT INTO tasks_task ({', '.join(columns)}) SELECT {', '.join(expressions)}"
        for start in range(1, count + 1, _BATCH):
            values = [start, min(start + _BATCH - 1, count), count]
            cursor.execute(f"{insert} FROM {_FROM}", values)
        for statement in (_SUBTASKS, _CARRY, *indexes):
            cursor.execute(statement)
        for table in _TABLES:
            # As autovacuum does: an Index Only Scan needs to know which pages everybody sees.
            cursor.execute(f"VACUUM ANALYZE {table}")


def _people_and_places() -> None:
    names = ["few", "many", "seldom", "robot", *(f"colleague {number}" for number in range(50))]
    users = {name: User(username=name, password="!", date_joined=NOW) for name in names}  # noqa: S106
    User.objects.bulk_create(users.values())
    projects = [
        Project(name=f"Project {number}", created_at=NOW, updated_at=NOW)
        for number in range(PLACES)
    ]
    Project.objects.bulk_create(projects)
    theirs = {"few": [*projects[:2], *projects[3:6]], "many": projects[2 : 3 + SMALL]}
    theirs |= {"robot": projects, "seldom": projects}
    Membership.objects.bulk_create(
        Membership(project=each, user=users[name], role="editor", created_at=NOW, updated_at=NOW)
        for name, found in theirs.items()
        for each in found
    )


def _columns() -> Iterator[tuple[str, str]]:
    """Each column of a task, and the expression that fills it: its default where nothing is said.

    So a new column of the model needs no word here.
    """
    for field in Task._meta.local_concrete_fields:
        default = "NULL" if field.null else f"'{field.get_default()}'"
        column = str(field.column)
        yield column, _SPREAD.get(column, default)


def _without_indexes(cursor: CursorWrapper) -> list[str]:
    """Drop the indexes that no constraint needs, and return what makes them."""
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid IN ('tasks_task'::regclass, 'tasks_tasklabel'::regclass) "
        "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]
