"""Name the fields of ONNX's messages that hold messages, texts or packed numbers (onnx.proto)."""

from __future__ import annotations

from typing import Final

from retinaface.formats.protobuf import Messages

ROOT: Final = "model"
# Where the values of a tensor lie, if not in the file: a key and a value.
PLACE: Final = "place"


def _texts(*fields: int) -> dict[int, str]:
    return dict.fromkeys(fields, "text")


MESSAGES: Messages = {
    ROOT: {
        **_texts(2, 3, 4, 6),
        7: "graph",
        8: "opset",
        14: "entry",
        20: "training",
        25: "function",
        26: "devices",
    },
    "graph": {
        **_texts(2, 10),
        1: "node",
        5: "tensor",
        **dict.fromkeys((11, 12, 13), "value"),
        14: "quantised",
        15: "sparse",
        16: "entry",
    },
    "node": {**_texts(1, 2, 3, 4, 6, 7, 8), 5: "attribute", 9: "entry", 10: "node devices"},
    "attribute": {
        **_texts(1, 13, 21),
        **dict.fromkeys((5, 10), "tensor"),
        **dict.fromkeys((6, 11), "graph"),
        **dict.fromkeys((7, 8), "numbers"),
        **dict.fromkeys((14, 15), "type"),
        **dict.fromkeys((22, 23), "sparse"),
    },
    "tensor": {
        **_texts(8, 12),
        **dict.fromkeys((1, 4, 5, 7, 10, 11), "numbers"),
        3: "segment",
        13: PLACE,
        16: "entry",
    },
    "segment": {},
    "sparse": {**dict.fromkeys((1, 2), "tensor"), 3: "numbers"},
    "value": {**_texts(1, 3), 2: "type", 4: "entry"},
    "type": {
        **_texts(6),
        **dict.fromkeys((1, 8), "tensor type"),
        **dict.fromkeys((4, 9), "element"),
        5: "map",
        7: "opaque",
    },
    "tensor type": {2: "shape"},
    "shape": {1: "axis"},
    "axis": _texts(2, 3),
    "element": {1: "type"},
    "map": {2: "type"},
    "opaque": _texts(1, 2),
    "entry": _texts(1, 2),
    PLACE: _texts(1, 2),
    "quantised": {**_texts(1), 2: "entry"},
    "opset": _texts(1),
    "training": {**dict.fromkeys((1, 2), "graph"), **dict.fromkeys((3, 4), "entry")},
    "function": {
        **_texts(1, 4, 5, 6, 8, 10, 13),
        7: "node",
        9: "opset",
        11: "attribute",
        12: "value",
        14: "entry",
    },
    "devices": {**_texts(1, 3)},
    "node devices": {**_texts(1), 2: "sharding"},
    "sharding": {**_texts(1), 2: "numbers", 3: "device groups", 4: "sharded axis"},
    "device groups": {2: "numbers"},
    "sharded axis": {2: "simple sharding"},
    "simple sharding": _texts(2),
}
