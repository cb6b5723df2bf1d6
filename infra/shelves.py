"""Where each kind of thing is kept: its machine, its table, and the statements built from both."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    true,
    update,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from domain.access import Role
from domain.catalog import MACHINES
from domain.machine import Machine
from domain.values import plain
from infra import tables
from infra.clauses import (
    CALLER,
    EXTERNAL_ID,
    HEALTH,
    HELD,
    ID,
    IDEMPOTENCY,
    IN_SIGHT,
    KEY,
    NOW,
    ONE,
    PRACTICE,
    PRACTICE_ID,
    RELATIONSHIP,
    SEEN,
    SUB,
    VERSION,
    bool_of,
    fan_clause,
    keep_clause,
    log_clause,
    relationship_seen,
    table_of,
    wording_clause,
)  # fmt: skip
from infra.reviving import reader
from infra.statements import Statement

NAMED = ("external_system", "external_value")
"""The filters that ask for what another system calls a thing."""


class Shelf:
    """Where one kind of thing is kept."""

    def __init__(self, machine: Machine, model: type[SQLModel]) -> None:
        """Refuses a table that does not have a column for every field of the domain's class."""
        self.machine, self.table = machine, table_of(model)
        self.names = tuple(f.name for f in fields(machine.cls))
        missing = set(self.names) - set(self.table.c.keys())
        if missing:
            raise TypeError(f"Table {self.table.name} lacks {sorted(missing)}.")
        self.json = frozenset(c.name for c in self.table.c if isinstance(c.type, JSONB))
        self.related = "relationship_id" in self.names
        self.is_relationship = machine.subject == "relationship"
        self._statements: dict[Any, Statement] = {}

    def state(self, row: Mapping[str, Any]) -> Any:
        """The domain object a row holds."""
        return reader(self.machine.cls)(row)

    def stored(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Domain values as the columns take them."""
        return {n: plain(v) if n in self.json else list(v) if isinstance(v, tuple) else v for n, v in values.items()}

    # -- what a caller can see ------------------------------------------------------------------------------------

    def _source(self) -> Any:
        t = self.table
        if not self.related:
            return t
        return t.join(
            RELATIONSHIP, and_(RELATIONSHIP.c.practice_id == t.c.practice_id, RELATIONSHIP.c.id == t.c.relationship_id)
        )

    def _columns(self) -> list[Any]:
        r = RELATIONSHIP.c
        found = [self.table.c[n] for n in (*self.names, "version", "created_at", "updated_at")]
        if self.related or self.is_relationship:
            found += [r[name].label(f"_{name}") for name in SEEN]
        if self.machine.subject == "session":
            found.append(self._ordinal().label("ordinal"))
        if self.machine.subject == "webhook_endpoint":
            found.append(HEALTH.label("health"))
        return found

    def _ordinal(self) -> Any:
        """Which of the sessions held in its relationship it is; nothing for one that was not held."""
        t, s = self.table, self.table.alias("earlier")
        count = select(func.count()).where(
            s.c.practice_id == t.c.practice_id, s.c.relationship_id == t.c.relationship_id, s.c.phase == HELD,
            (s.c.starts_at < t.c.starts_at) | ((s.c.starts_at == t.c.starts_at) & (s.c.id <= t.c.id)),
        )  # fmt: skip
        return case((t.c.phase == HELD, count.scalar_subquery()), else_=null())

    def _sight(self, role: Role) -> ColumnElement[bool]:
        if role not in (Role.THERAPIST, Role.CLIENT):
            return true()
        r, t = RELATIONSHIP.c, self.table.c
        theirs = any_(r.therapist_ids) == SUB if role is Role.THERAPIST else r.client_id == SUB
        if (seen := IN_SIGHT.get(self.machine.subject, {}).get(role)) is not None:
            return and_(theirs, seen)
        if self.related or self.is_relationship:
            return theirs
        if self.machine.subject == "client":
            if role is Role.CLIENT:
                return bool_of(t.id == SUB)
            treated = exists().where(r.practice_id == t.practice_id, r.client_id == t.id, theirs)
            return or_(t.registered_by == cast(SUB, Text), treated)
        if self.machine.subject == "therapist" and role is Role.CLIENT:
            return exists().where(r.practice_id == t.practice_id, t.id == any_(r.therapist_ids), theirs)
        return true()

    # -- statements ------------------------------------------------------------------------------------------------

    def _once(self, key: Any, build: Callable[[], Any]) -> Statement:
        if key not in self._statements:
            self._statements[key] = Statement(build())
        return self._statements[key]

    def read(self, role: Role, *, keyed: bool) -> Statement:
        """One row in the caller's sight; with the answer kept under an Idempotency-Key when `keyed`."""

        def build() -> Any:
            source, columns, t = self._source(), self._columns(), self.table.c
            if keyed:
                i = IDEMPOTENCY.c
                source = source.outerjoin(
                    IDEMPOTENCY, and_(i.practice_id == PRACTICE_ID, i.caller == CALLER, i.key == KEY)
                )  # fmt: skip
                columns += [i.fingerprint, i.status, i.headers.label("_headers"), i.body.label("_body")]
            return select(*columns).select_from(source).where(
                t.practice_id == PRACTICE_ID, t.id == ID, self._sight(role)
            )  # fmt: skip

        return self._once(("read", role, keyed), build)

    def listing(self, role: Role, filters: tuple[str, ...], *, changed: bool) -> Statement:
        """A page: by id after a cursor, or (`changed`) those that changed, by the number of their last change."""

        def build() -> Any:
            t = self.table.c
            where = [t.practice_id == PRACTICE_ID, self._sight(role)]
            where += [self._filter(name) for name in filters if name not in NAMED]
            if named := [name for name in filters if name in NAMED]:
                where.append(self._named(named))
            query = select(*self._columns())
            if not changed:
                after = t.id > bindparam("after", type_=Uuid())
                page = query.select_from(self._source()).where(*where, after).order_by(t.id)
                return page.limit(bindparam("limit", type_=Integer()))
            recent = recently_changed()
            joined = self._source().join(recent, recent.c.subject_id == t.id)
            return query.add_columns(recent.c.seq.label("_seq")).select_from(joined).where(*where).order_by(
                recent.c.seq
            )  # fmt: skip

        return self._once(("list", role, filters, changed), build)

    def _filter(self, name: str) -> ColumnElement[bool]:
        t = self.table.c
        if name == "client_id" and self.related:
            return bool_of(RELATIONSHIP.c.client_id == bindparam("by_client_id", type_=Uuid()))
        if name == "therapist_id":
            return bool_of(bindparam("by_therapist_id", type_=Uuid()) == any_(RELATIONSHIP.c.therapist_ids))
        return bool_of(t[name] == bindparam(f"by_{name}", type_=t[name].type))

    def _named(self, filters: list[str]) -> ColumnElement[bool]:
        """What another system calls it: system and value are of one and the same name."""
        named = EXTERNAL_ID.c
        return exists().where(
            named.practice_id == self.table.c.practice_id, named.subject == literal_column(f"'{self.machine.subject}'"),
            named.subject_id == self.table.c.id,
            *(named[name.removeprefix("external_")] == bindparam(f"by_{name}", type_=Text()) for name in filters),
        )  # fmt: skip

    def filters(self) -> tuple[str, ...]:
        """The names a list can be filtered by."""
        t = self.table.c
        own = [n for n in ("relationship_id", "session_id", "rupture_id", "phase") if n in t]
        if self.related or self.is_relationship:
            own += ["client_id", "therapist_id"]
        if "external_identifiers" in t:
            own += NAMED
        return tuple(own)

    def write(
        self, changed: frozenset[str], added: frozenset[str], *, keyed: bool, worded: bool, seen: bool
    ) -> Statement:
        """The one statement of a decision: row, log and deliveries, or nothing."""

        def build() -> Any:
            touched = self.change_clause(changed, added, seen=seen).cte("touched")
            return self._decision(touched, keyed=keyed, worded=worded)

        return self._once(("write", changed, added, keyed, worded, seen), build)

    def make(self, *, keyed: bool) -> Statement:
        """The one statement of a creation."""

        def build() -> Any:
            touched = self.insert_clause(seen=self.related).cte("touched")
            return self._decision(touched, keyed=keyed, worded=False)

        return self._once(("make", keyed), build)

    def change_clause(self, changed: frozenset[str], added: frozenset[str], *, seen: bool = False) -> Any:
        """The row moves if its version still matches; and, where `seen`, its relationship is where it was seen."""
        t = self.table
        values: dict[str, Any] = {n: bindparam(f"new_{n}", type_=t.c[n].type) for n in changed - added}
        values |= {n: t.c[n].op("||")(bindparam(f"new_{n}", type_=JSONB())) for n in added}
        row = [t.c.practice_id == PRACTICE_ID, t.c.id == ID, t.c.version == VERSION]
        if seen:
            row.append(select(relationship_seen().c.id).exists())
        return update(t).where(*row).values(values | {"version": VERSION + ONE, "updated_at": NOW}).returning(t.c.id)

    def change(self, changed: frozenset[str], added: frozenset[str]) -> Statement:
        """The row alone, inside a transaction that appends to the log at its end."""
        return self._once(("change", changed, added), lambda: self.change_clause(changed, added))

    def insert_clause(self, *, seen: bool = False) -> Any:
        """The new row, complete; where `seen`, only if its relationship is where it was seen."""
        t = self.table
        names = [*self.names, *(("secrets",) if "secrets" in t.c else ())]
        values: dict[str, Any] = {n: bindparam(f"new_{n}", type_=t.c[n].type) for n in names}
        envelope = {"practice_id": PRACTICE_ID, "version": ONE, "created_at": NOW, "updated_at": NOW}
        row = values | envelope
        if not seen:
            return insert(t).values(row).returning(t.c.id)
        values_if_seen = select(*row.values()).select_from(relationship_seen())
        return insert(t).from_select(list(row), values_if_seen).returning(t.c.id)

    def insert(self) -> Statement:
        """The new row alone, inside a transaction that appends to the log at its end."""
        return self._once("insert", self.insert_clause)

    def lock(self, where: str) -> Statement:
        """The rows a policy is about to move, locked in a fixed order."""

        def build() -> Any:
            t = self.table
            mine = select(*self._columns()).select_from(self._source()).where(
                t.c.practice_id == PRACTICE_ID, t.c[where] == ID,
                t.c.phase == any_(bindparam("phases", type_=ARRAY(Text))),
            )  # fmt: skip
            return mine.order_by(t.c.id).with_for_update(of=t, key_share=True)

        return self._once(("lock", where), build)

    def _decision(self, touched: Any, *, keyed: bool, worded: bool) -> Any:
        p = PRACTICE.c
        ticket = (
            update(PRACTICE).where(p.id == PRACTICE_ID, select(touched.c.id).exists())
            .values(seq=p.seq + ONE).returning(p.seq, p.volume).cte("ticket")
        )  # fmt: skip
        logged = log_clause(ticket)
        fan = fan_clause(logged)
        query = select(logged.c.seq, select(func.count()).select_from(fan).scalar_subquery().label("sent"))
        query = query.add_cte(touched, ticket)
        if keyed:
            query = query.add_cte(keep_clause(logged).cte("kept"))
        if worded:
            query = query.add_cte(wording_clause(touched).cte("worded"))
        return query


def recently_changed() -> Any:
    """The objects a stretch of the log names, each with the number of its last event there."""
    named, numbers = bindparam("changed_ids", type_=ARRAY(Uuid)), bindparam("changed_seqs", type_=ARRAY(BigInteger))
    rows = func.unnest(named, numbers).table_valued(column("subject_id", Uuid), column("seq", BigInteger))
    return rows.render_derived("recent")


MODELS: dict[str, type[SQLModel]] = {
    "client": tables.Client, "therapist": tables.Therapist, "relationship": tables.Relationship,
    "session": tables.Session, "policy": tables.Policy, "rupture": tables.Rupture, "repair": tables.Repair,
    "termination_plan": tables.TerminationPlan, "instrument": tables.Instrument,
    "alliance_rating": tables.AllianceRating,
    "attachment_profile": tables.AttachmentProfile, "outcome_score": tables.OutcomeScore,
    "goal_attainment": tables.GoalAttainment, "signal": tables.Signal,
    "webhook_endpoint": tables.WebhookEndpoint,
}  # fmt: skip
SHELVES = {machine.subject: Shelf(machine, MODELS[machine.subject]) for machine in MACHINES}
