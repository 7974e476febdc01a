"""Describe the JSON files that the product writes, from the types that read them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import docstring_parser
import msgspec

from retinaface.baselines.schema import BaselineFile
from retinaface.export.manifest import Manifest
from retinaface.records.schema import Record

_INTRODUCTION = """\
# File formats

`python -m tools.reference` writes this page from the types that the product reads its files with.
A file with another type in a field is refused in one line, which names the field. `json_schema()`
in each of the named modules gives the same as JSON schema. JSON has no NaN and no infinity: in run
records they stand as the words `nan`, `inf` and `-inf`.
"""
_FILES: dict[str, tuple[type, str]] = {
    "Run record": (
        Record,
        "`record.json` in the folder of a run; arrays lie beside it. "
        "Types: `retinaface/records/schema.py`.",
    ),
    "Baseline": (
        BaselineFile,
        "`baselines/<device>/<sdk>.json`; [in words](../../baselines/README.md). "
        "Types: `retinaface/baselines/schema.py`.",
    ),
    "Manifest": (
        Manifest,
        "`FILE.json` beside an exported `FILE.onnx`. Types: `retinaface/export/manifest.py`.",
    ),
}
_MODULES = re.compile(r"\b(?:retinaface|msgspec|typing|collections)\.[\w.]*\.")


def formats_page() -> str:
    """Write the page of all files: each type once, in the order in which a reader meets it."""
    parts = [_INTRODUCTION]
    described: set[type] = set()
    for title, (root, text) in _FILES.items():
        parts.append(f"## {title}\n\n{text}\n")
        parts += [_section(one) for one in _structs(root) if one not in described]
        described.update(_structs(root))
    return "\n".join(parts)


def _structs(root: type) -> list[type]:
    """List a struct and those in its fields, outermost first."""
    found = [root]
    for one in found:
        for field in msgspec.structs.fields(one):
            for inner in _inner(msgspec.inspect.type_info(field.type)):
                if inner not in found:
                    found.append(inner)
    return found


def _inner(info: Any) -> Iterator[type]:
    """Find the structs inside a type."""
    if isinstance(info, msgspec.inspect.StructType):
        yield info.cls
    for name in ("item_type", "value_type", "types", "item_types"):
        below = getattr(info, name, ())
        for one in below if isinstance(below, tuple) else (below,):
            yield from _inner(one)


def _section(struct: type) -> str:
    doc = docstring_parser.parse(
        inspect.getdoc(struct) or "", docstring_parser.DocstringStyle.GOOGLE
    )
    meanings = {one.arg_name: " ".join((one.description or "").split()) for one in doc.params}
    annotations = inspect.get_annotations(struct)
    rows = [
        f"| `{field.encode_name}` | `{_type(annotations.get(field.name, ''))}` "
        f"| {'yes' if field.required else ''} | {meanings.get(field.name, '')} |"
        for field in msgspec.structs.fields(struct)
    ]
    lines = [f"### {struct.__name__}", "", " ".join((doc.short_description or "").split()), ""]
    lines += ["| field | type | required | meaning |", "| --- | --- | --- | --- |", *rows, ""]
    return "\n".join(lines)


def _type(annotation: object) -> str:
    return _MODULES.sub("", str(annotation)).replace("|", "\\|")
