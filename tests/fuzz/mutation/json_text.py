"""Change values of JSON: types, ranges, depth, keys, and text that only some parsers take."""

from __future__ import annotations

import json
import random
from typing import Any

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 0.5, 1e308, -1e-308),
    *("", "a", "x" * 5000, "\x00", "\x1b[2J", "\u202e", "a\nb", "../../x", "/", "NaN", "1e999"),
    *([], {}, [[]], [None], [1, "a"], {"": None}, {"a": {"a": {}}}, [0] * 3000),
)
# Written where a value stands: what `json.dumps` cannot write.
_LITERALS = (
    *("NaN", "Infinity", "-Infinity", "1e400", "-0", "9" * 5000, "1" + "0" * 400 + ".5"),
    *('"\\ud800"', '"\\u0000"', "[" * 600 + "]" * 600, "[" * 30000 + "]" * 30000, '{"a":' * 9000),
    *("", ",", "{", "1 1", "'a'", "true false", '{"a":1,"a":2}'),
)
_ROOTS = ("[]", "1", "null", '""', "{}", "true", "[" * 100000, '"' + "a" * 100, "[{}]", "", "{")
_MARK = "\ue000mark\ue000"


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Make one change.

    Raises:
        ValueError: The bytes are no JSON.
    """
    if rng.random() < 0.03:
        return rng.choice(_ROOTS).encode()
    try:
        content = json.loads(data)
    except RecursionError as error:
        raise ValueError("too deep") from error
    literal = rng.choice(_LITERALS) if rng.random() < 0.25 else None
    content = change_value(content, rng, _MARK if literal is not None else None)
    text = json.dumps(content, ensure_ascii=rng.random() < 0.5)
    if literal is not None:
        for shown in (json.dumps(_MARK), json.dumps(_MARK, ensure_ascii=False)):
            text = text.replace(shown, literal)
    return text.encode(errors="surrogatepass")


def change_value(content: Any, rng: random.Random, replacement: Any = None) -> Any:
    """Change one value, key or length anywhere in plain data.

    Args:
        replacement: Put in place of a value; one of many where None.
    """
    places: list[tuple[Any, Any]] = []
    stack = [content] if isinstance(content, dict | list) else []
    while stack and len(places) < 200_000:
        node = stack.pop()
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in pairs:
            places.append((node, key))
            if isinstance(value, dict | list):
                stack.append(value)
    if not places:
        return rng.choice(_VALUES) if replacement is None else replacement
    # Long lists of numbers would take all changes.
    depth = rng.random()
    places = places[: max(1, round(len(places) * depth))]
    node, key = rng.choice(places)
    if replacement is not None:
        node[key] = replacement
    else:
        _change_at(node, key, rng)
    return content


def _change_at(node: Any, key: Any, rng: random.Random) -> None:
    kind = rng.randrange(6)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[rng.choice((f"{key}x", "", str(key).upper(), "id", "\x00"))] = node.pop(key)
    elif kind == 1:
        node.insert(key, node[key])
    elif kind == 2 and isinstance(node[key], dict | list | str) and len(node[key]) > 1:
        value, half = node[key], len(node[key]) // 2
        short = dict(list(value.items())[:half]) if isinstance(value, dict) else value[:half]
        node[key] = short
    elif kind == 3 and isinstance(node[key], int | float) and not isinstance(node[key], bool):
        node[key] = rng.choice((-node[key], node[key] + 1, node[key] * 10**9, node[key] / 7))
    elif kind == 4 and isinstance(node[key], str):
        node[key] = node[key] + rng.choice(("x", "\n", "/..", "\x1b]0;a\x07", "-fp16", "é"))
    else:
        node[key] = rng.choice(_VALUES)
