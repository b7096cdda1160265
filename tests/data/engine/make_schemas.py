#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes schemas.json: random JSON Schemas with instances, and whether Python's jsonschema says that they are valid.

    make_schemas.py [--count N] [--seed S] [--out FILE]       needs the package jsonschema (4.26 was used)

An array of {"schema": S, "tests": [{"data": D, "valid": B}]}, the form of the JSON Schema Test Suite. Keywords and instances are kept to
what docs/constrained-decoding.md says is exact: no other spellings of numbers, no counting of members under free names.
"""
import argparse
import json
import pathlib
import random

import jsonschema

NAMES = ["a", "b", "c", "xa", "xb"]
SCALARS = [None, False, True, 0, 1, 2, 3, 7, -1, 0.5, 2.5, "", "a", "ab", "xyz", "b1"]


class Schemas:
    def __init__(self, rng):
        self.rng = rng

    def value(self, depth):
        r = self.rng.random()
        if depth <= 0 or r < 0.45:
            return self.rng.choice(SCALARS)
        if r < 0.7:
            return [self.value(depth - 1) for _ in range(self.rng.randrange(5))]
        names = self.rng.sample(NAMES, self.rng.randrange(4))
        return {name: self.value(depth - 1) for name in names}

    def instances(self, schema, n):
        """Values near the edges: those that the schema writes, with small changes, and free ones."""
        seen = [v for v in self.written(schema)]
        for _ in range(n):
            v = self.rng.choice(seen) if seen and self.rng.random() < 0.3 else self.value(2)
            if isinstance(v, list) and self.rng.random() < 0.5:
                v = v + [self.rng.choice(SCALARS + seen) for _ in range(self.rng.randrange(3))]
            if isinstance(v, dict) and self.rng.random() < 0.6:
                v = {**v, self.rng.choice(NAMES): self.rng.choice(SCALARS + seen)}
            yield v

    def written(self, schema):
        if isinstance(schema, dict):
            for key, value in schema.items():
                if key == "const":
                    yield value
                elif key == "enum":
                    yield from value
                else:
                    yield from self.written(value)
        elif isinstance(schema, list):
            for value in schema:
                yield from self.written(value)

    def scalar(self):
        kinds = [
            lambda: {"type": self.rng.choice(["string", "integer", "number", "boolean", "null", "array", "object"])},
            lambda: {"type": self.rng.sample(["string", "integer", "number", "boolean", "null", "array", "object"], 3)},
            lambda: {"enum": self.rng.sample(SCALARS, self.rng.randrange(1, 4))},
            lambda: {"const": self.value(1)},
            lambda: {"minimum": self.rng.choice([0, 1, 2.5])},
            lambda: {"exclusiveMaximum": self.rng.choice([1, 3])},
            lambda: {"multipleOf": self.rng.choice([2, 0.5])},
            lambda: {"minLength": self.rng.randrange(3)},
            lambda: {"maxLength": self.rng.randrange(3)},
            lambda: {"pattern": self.rng.choice(["^a", "b", "^x", "1$"])},
            lambda: self.rng.choice([True, True, False]),
        ]
        return self.rng.choice(kinds)()

    def some(self, depth, low=1, high=3):
        return [self.schema(depth - 1) for _ in range(self.rng.randrange(low, high))]

    def keyword(self, depth):
        one = lambda: self.schema(depth - 1)
        named = lambda: {name: one() for name in self.rng.sample(NAMES, self.rng.randrange(1, 3))}
        kinds = [
            lambda: {"properties": named()},
            lambda: {"properties": named(), "additionalProperties": False},
            lambda: {"additionalProperties": one()},
            lambda: {"patternProperties": {self.rng.choice(["^x", "a", "b$"]): one()}},
            lambda: {"required": self.rng.sample(NAMES, self.rng.randrange(1, 3))},
            lambda: {"dependentRequired": {self.rng.choice(NAMES): [self.rng.choice(NAMES)]}},
            lambda: {"dependentSchemas": {self.rng.choice(NAMES): one()}},
            lambda: {"propertyNames": {"pattern": self.rng.choice(["^x", "a", "b$"])}},
            lambda: {"items": one()},
            lambda: {"prefixItems": self.some(depth)},
            lambda: {"prefixItems": self.some(depth), "items": one()},
            lambda: {"minItems": self.rng.randrange(3)},
            lambda: {"maxItems": self.rng.randrange(4)},
            lambda: {"contains": one()},
            lambda: {"contains": one(), "minContains": self.rng.randrange(3)},
            lambda: {"contains": one(), "maxContains": self.rng.randrange(1, 3)},
            lambda: {"uniqueItems": True, "items": {"enum": self.rng.sample(SCALARS, 3)}},
            lambda: {"uniqueItems": True, "prefixItems": [{"enum": [1, 2]}, {"enum": [2, 3]}], "items": {"type": "boolean"}},
            lambda: {"allOf": self.some(depth)},
            lambda: {"anyOf": self.some(depth, 1, 4)},
            lambda: {"oneOf": self.some(depth, 1, 4)},
            lambda: {"not": one()},
            lambda: {"if": one(), "then": one()},
            lambda: {"if": one(), "else": one()},
            lambda: {"if": one(), "then": one(), "else": one()},
            lambda: {"$ref": self.rng.choice(["#/$defs/one", "#/$defs/two"])},
            lambda: {"$dynamicRef": "#node"},
            lambda: {"unevaluatedProperties": self.rng.choice([False, False, one()])},
            lambda: {"unevaluatedItems": self.rng.choice([False, False, one()])},
        ]
        return self.rng.choice(kinds)()

    def schema(self, depth):
        if depth <= 0 or self.rng.random() < 0.2:
            return self.scalar()
        merged = {}
        for _ in range(self.rng.randrange(1, 4)):
            merged.update(self.keyword(depth))
        if self.rng.random() < 0.4:
            merged["type"] = self.rng.choice(["array", "object"])
        return merged

    def document(self):
        schema = self.schema(3)
        while not isinstance(schema, dict):
            schema = self.schema(3)
        # Resources that name the same dynamic anchor; the outermost one says what it means.
        schema["$id"] = "https://example.org/root"
        schema["$defs"] = {
            "one": self.schema(1),
            "two": {"$id": "two", "$dynamicAnchor": "node", **{k: v for k, v in self.keyword(1).items()}},
            "three": {"$dynamicAnchor": "node", **{k: v for k, v in self.keyword(1).items()}},
        }
        if self.rng.random() < 0.5:
            del schema["$defs"]["three"]["$dynamicAnchor"]
            schema["$defs"]["three"]["$anchor"] = "node"
        return schema


def lists_itself(schema):
    """Whether references go in a circle without going into a value: their meaning is open."""
    text = json.dumps(schema["$defs"])
    return '"$ref"' in text or '"$dynamicRef"' in text


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=260)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", default=str(pathlib.Path(__file__).parent / "schemas.json"))
    options = options.parse_args()
    rng = random.Random(options.seed)
    make = Schemas(rng)
    groups = []
    while len(groups) < options.count:
        schema = make.document()
        if lists_itself(schema):
            continue
        validator = jsonschema.Draft202012Validator(schema)
        tests, texts = [], set()
        for data in make.instances(schema, 40):
            text = json.dumps(data)
            if text in texts:
                continue
            texts.add(text)
            tests.append({"data": data, "valid": validator.is_valid(data)})
        valid = [t for t in tests if t["valid"]][:6]
        invalid = [t for t in tests if not t["valid"]][:6]
        if valid and invalid:
            groups.append({"schema": schema, "tests": valid + invalid})
    with open(options.out, "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(group, separators=(",", ":")) for group in groups) + "\n]\n")


if __name__ == "__main__":
    main()
