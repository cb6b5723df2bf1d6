"""The schemas of the document: what may be said, and what is shown of it. Both come from the domain's classes."""

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise
from textwrap import dedent
from types import ModuleType
from typing import Any, get_args

from pydantic import TypeAdapter

from api.body import adapter
from domain.access import Role
from domain.catalog import MACHINES
from domain.change import OutcomeChange
from domain.due import Reminder
from domain.feelings import FeelingsOverTime
from domain.form import Form
from domain.grounds import Ground
from domain.guidance import Prompt
from domain.insights import Insights
from domain.letter import Letter
from domain.machine import Machine
from domain.move import Advisory
from domain.practice import Practice
from domain.readiness import Readiness
from domain.report import EndingReport
from domain.rituals import Ritual
from domain.trajectory import Trajectory
from domain.values import OnceShared, Private, marked, records, texts, type_hints

Schema = dict[str, Any]
REF = "#/components/schemas/{model}"
ENVELOPE: Mapping[str, Schema] = {
    "id": {"type": "string", "format": "uuid", "description": "Its id."},
    "version": {"type": "integer", "minimum": 1, "description": "Counts its changes; the ETag is this in quotes."},
    "open_moves": {
        "type": "array", "items": {"type": "string"}, "description": "The moves that are open to the caller now."
    },
    "created_at": {"type": "string", "format": "date-time", "description": "When it was recorded."},
    "updated_at": {"type": "string", "format": "date-time", "description": "When it last changed."},
}  # fmt: skip
"""What every representation carries, for every role; the phase beside it is the object's own."""
DERIVED: Mapping[str, Mapping[str, Schema]] = {
    "termination_plan": {
        "nhs_code": {
            "anyOf": [{"type": "integer"}, {"type": "null"}],
            "description": "The NHS Talking Therapies end code that fits kind and timing.",
        },
        "bha_codes": {
            "type": "array", "items": {"type": "integer"},
            "description": "The Colorado BHA end-of-treatment reasons that fit.",
        },
    },
    "attachment_profile": {
        "field_word": {"type": "string", "description": "The word that the field has for the pattern."},
    },
    "session": {
        "ordinal": {
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}],
            "description": "Which of the sessions held it is. Left out of the answer to a write.",
        },
    },
    "webhook_endpoint": {
        "health": {
            "$ref": REF.format(model="EndpointHealth"),
            "description": "How it fares. Left out of the answer that creates it.",
        },
    },
    "repair": {
        "guidance": {
            "type": "array", "items": {"$ref": REF.format(model="Prompt")},
            "description": "With `include=guidance` only.",
        },
        "rests_on": {
            "anyOf": [{"$ref": REF.format(model="Ground")}, {"type": "null"}],
            "description": "Whose word it is that the rupture is repaired; null where the outcome is another, or the "
            "client has come to see it otherwise.",
        },
    },
}  # fmt: skip
"""What follows from the fields and is shown with them."""


class Schemas:
    """Every schema under its name, and which name a class goes by."""

    def __init__(self, bodies: Iterable[type]) -> None:
        """`bodies` are the classes that requests take."""
        more = (Prompt, Practice, Insights, Trajectory, Advisory, Form, Reminder, Ritual, Letter, EndingReport,
                FeelingsOverTime, OutcomeChange, Readiness)  # fmt: skip
        said, shown = closure(bodies), closure([*(m.cls for m in MACHINES), *more])
        self.said_as, self.all = drawn(said)
        names, drafts = drawn([*shown, Role, Ground])
        self.shown_as = {c: f"{n}Shown" if c in self.said_as and is_dataclass(c) else n for c, n in names.items()}
        renamed = {names[cls]: name for cls, name in self.shown_as.items()}
        classes = {names[cls]: cls for cls in shown}
        guarded = closure(cls for cls in shown if "shared_with_client" in type_hints(cls))
        for name, draft in drafts.items():
            cls = classes.get(name)
            schema = as_shown(cls, draft, silent=cls in guarded) if cls else draft
            self.all[renamed.get(name, name)] = relinked(schema, renamed)
        for machine in MACHINES:
            self._represent(machine)
            if machine.revise:
                body = machine.revise.takes
                self.all[f"{self.said_as[body]}Patch"] = patch(self.all[self.said_as[body]])
        made = {move.takes for machine in MACHINES for move in machine.moves if move is not machine.revise}
        for machine in MACHINES:
            if machine.revise and machine.revise.takes not in made:
                # It is only ever sent as a patch.
                self.all.pop(self.said_as[machine.revise.takes], None)
        practice = self.all[self.shown_as[Practice]]
        practice["properties"] |= {"id": ENVELOPE["id"], "created_at": ENVELOPE["created_at"]}
        practice["required"].append("created_at")

    def _represent(self, machine: Machine) -> None:
        name = self.shown_as[machine.cls]
        schema = self.all[name]
        own = {n: p for n, p in schema["properties"].items() if n != "id"}
        head = {"id": ENVELOPE["id"], "phase": own.pop("phase")}
        tail = {n: p for n, p in ENVELOPE.items() if n not in head}
        schema["properties"] = {**head, **own, **DERIVED.get(machine.subject, {}), **tail}
        # A client's token leaves out what is private, and a role that may write but not read is shown this much only.
        schema["required"] = [*head, *tail]
        advisories = {
            "type": "array", "items": ref("Advisory"),
            "description": "Advice that came with the move; empty if there is none.",
        }  # fmt: skip
        self.all[f"{name}Moved"] = extended(name, f"{indefinite(machine)} as a move left it.", advisories=advisories)
        cursor = {
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "description": "Goes on after this page; null at the end.",
        }
        upto = {"type": "integer", "description": "With `changed_after` only: go on from this number."}
        self.all[f"{name}Page"] = record(
            f"A page of {machine.collection}.", ["items", "next_cursor"],
            items={"type": "array", "items": ref(name)}, next_cursor=cursor, next_after=upto,
        )  # fmt: skip


def closure(classes: Iterable[type]) -> list[type]:
    """These classes, and every record they hold."""
    found: dict[type, None] = {}
    waiting = list(classes)
    while waiting:
        cls = waiting.pop(0)
        if cls not in found:
            found[cls] = None
            waiting += records(cls).values()
    return list(found)


def drawn(classes: Iterable[type]) -> tuple[dict[type, str], dict[str, Schema]]:
    """The name of each class, and every schema they need, by name."""
    wanted = list(dict.fromkeys(classes))
    links, whole = TypeAdapter.json_schemas([(c, "validation", adapter(c)) for c in wanted], ref_template=REF)
    found: dict[str, Schema] = whole["$defs"]
    plainer = {name: plainer_name(name) for name in found}
    names = {c: links[c, "validation"]["$ref"].rpartition("/")[2] for c in wanted}
    for cls, name in names.items():
        for field, schema in found[name].get("properties", {}).items():
            if says := said_of(cls).get(field):
                schema["description"] = says
    for vocabulary in {v for cls in wanted for hint in type_hints(cls).values() for v in enums_in(hint)}:
        found[vocabulary.__name__]["description"] = glossary(vocabulary)
    tidied = {plainer[name]: tidy(relinked(schema, plainer)) for name, schema in found.items()}
    return {cls: plainer[name] for cls, name in names.items()}, tidied


def plainer_name(name: str) -> str:
    """Two classes of one name are told apart by their modules: `repair`'s `Terms` are the `RepairTerms`."""
    *_, module, own = ["", *name.split("__")]
    return f"{module.title().replace('_', '')}{own}" if "__" in name else name


@cache
def said_of(cls: type) -> dict[str, str]:
    """What the domain says of each field, wherever in its ancestry the field was declared."""
    found: dict[str, str] = {"relationship_id": "The relationship it is about."}
    for owner in reversed(cls.__mro__):
        if is_dataclass(owner) and owner.__module__.startswith("domain."):
            found |= docstrings(owner)
    return {f.name: found[f.name] for f in fields(cls) if f.name in found} if is_dataclass(cls) else {}


@cache
def docstrings(owner: type | ModuleType) -> dict[str, str]:
    """The texts under the fields of one class, or under the names of one module.

    Pydantic reads no ancestor's, so this is done here.
    """
    tree = ast.parse(dedent(inspect.getsource(owner)))
    body = tree.body if isinstance(owner, ModuleType) else getattr(tree.body[0], "body", [])
    found = {}
    for field, text in pairwise(body):
        told = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and str(text.value.value)
        name = (
            field.target
            if isinstance(field, ast.AnnAssign)
            else field.targets[0]
            if isinstance(field, ast.Assign)
            else None
        )
        if isinstance(name, ast.Name) and told:
            found[name.id] = " ".join(told.split())
    return found


def enums_in(annotation: Any) -> Iterator[type[StrEnum]]:
    """The vocabularies that a type speaks."""
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        yield annotation
    for inner in get_args(annotation):
        yield from enums_in(inner)


def glossary(vocabulary: type[StrEnum]) -> str:
    """What each word of a vocabulary means."""
    says = docstrings(vocabulary)
    return "\n".join([inspect.cleandoc(vocabulary.__doc__ or ""), "", *(
        f"- `{word.value}`: {says[word.name]}" for word in vocabulary if word.name in says
    )])  # fmt: skip


def relinked(schema: Any, names: Mapping[str, str]) -> Any:
    """The same schema, with its references under other names."""
    if isinstance(schema, list):
        return [relinked(part, names) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: relinked(part, names) for key, part in schema.items()}
    if isinstance(link := schema.get("$ref"), str):
        head, _, name = link.rpartition("/")
        found["$ref"] = f"{head}/{names.get(name, name)}"
    return found


def tidy(schema: Any) -> Any:
    """Without titles that repeat the field's name and limits that limit nothing."""
    if isinstance(schema, list):
        return [tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: tidy(part) for key, part in schema.items() if not (key == "title" and isinstance(part, str))}
    return {key: part for key, part in found.items() if (key, part) != ("minItems", 0)}


def as_shown(cls: type, schema: Schema, *, silent: bool) -> Schema:
    """A class as it is shown: what is private may be left out, a text not shared is null, and more may come.

    `silent`: it, or what it is part of, may not be shared.
    """
    mute = texts(cls) if silent else frozenset()
    properties = {
        name: unlimited({k: v for k, v in (nullable(part) if name in mute else part).items() if k != "default"})
        for name, part in schema["properties"].items()
    }  # fmt: skip
    required = [
        name for name in schema.get("required", ()) if name not in marked(cls, Private) | marked(cls, OnceShared)
    ]
    kept = {k: v for k, v in schema.items() if k not in ("additionalProperties", "required")}
    return {**kept, "properties": properties, **({"required": required} if required else {})}


def unlimited(schema: Schema) -> Schema:
    """A list as it may have become: longer than may be sent, or with repetitions that are refused by now."""
    found = {k: v for k, v in schema.items() if k not in ("maxItems", "uniqueItems")}
    return {**found, "anyOf": [unlimited(part) for part in found["anyOf"]]} if "anyOf" in found else found


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    if {"type": "null"} in schema.get("anyOf", ()):
        return schema
    beside = {k: v for k, v in schema.items() if k in ("description", "default")}
    return {"anyOf": [{k: v for k, v in schema.items() if k not in beside}, {"type": "null"}], **beside}


def patch(schema: Schema) -> Schema:
    """A merge patch of a body: every field may be left out, and null gives back a field's default where it has one."""
    needed = schema.get("required", ())
    properties = {
        name: {k: v for k, v in (part if name in needed else nullable(part)).items() if k != "default"}
        for name, part in schema["properties"].items()
    }  # fmt: skip
    text = f"{schema.get('description', '')} A merge patch: what is left out stays; null gives back the default."
    return {"type": "object", "description": text.strip(), "properties": properties, "additionalProperties": False}


def indefinite(machine: Machine) -> str:
    """`A repair`."""
    return f"A {machine.subject.replace('_', ' ')}"


def ref(name: str) -> Schema:
    """A link to a schema."""
    return {"$ref": REF.format(model=name)}


def record(says: str, required: list[str], /, **properties: Schema) -> Schema:
    """An object that may carry more than these."""
    return {"type": "object", "description": says, "properties": properties, "required": required}


def extended(name: str, says: str, /, **properties: Schema) -> Schema:
    """A schema with more required properties."""
    return {"description": says, "allOf": [ref(name), {"type": "object", "properties": properties,
                                                       "required": list(properties)}]}  # fmt: skip


def text(says: str, **more: Any) -> Schema:
    """A string."""
    return {"type": "string", **more, "description": says}


def whole(says: str, **more: Any) -> Schema:
    """A whole number."""
    return {"type": "integer", **more, "description": says}
