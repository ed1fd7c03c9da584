"""Holds every answer of the REST API against services/ingest/openapi.yaml: the route and its status must be
described there, the media type be one of those named, the headers and the body be valid. An answer may have
exactly the headers, and an object exactly the members, that are described, so that a new one cannot be
forgotten in the document.

Answers that no operation describes are held against what the document says of all routes: an unknown path is
404, one with a slash too many 307 with Location, another method 405 with Allow, all {"detail": ...}."""
import datetime
import functools
import gzip
import json
import os
import re

import jsonschema
import yaml

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                    "services", "ingest", "openapi.yaml")
FORMATS = jsonschema.FormatChecker(formats=())
# Whatever the route: framing, time, size of a body nobody wants, of the target and of the headers.
ANYWHERE = (400, 408, 413, 414, 431, 505)
# HTTP's own.
FRAMING = {"date", "connection", "content-length", "content-type", "transfer-encoding"}


@FORMATS.checks("date-time", raises=ValueError)
def is_time(value):
    return not isinstance(value, str) or datetime.datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("date", raises=ValueError)
def is_date(value):
    return not isinstance(value, str) or datetime.date.fromisoformat(value) is not None


class Undescribed(AssertionError):
    """An answer that the document does not allow."""


def validate(checker, value):
    fault = jsonschema.exceptions.best_match(checker.iter_errors(value))
    if fault is not None:
        raise Undescribed(f"{'/'.join(str(part) for part in fault.absolute_path)}: {fault.message}")


def resolve(document, node):
    """The node with every $ref replaced by what it names; what stands beside one is kept."""
    if isinstance(node, list):
        return [resolve(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        target = functools.reduce(lambda at, part: at[part.replace("~1", "/")], node["$ref"][2:].split("/"), document)
        node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
        return resolve(document, node)
    return {name: resolve(document, value) for name, value in node.items()}


def close(schema):
    """Objects take no members but those described."""
    if isinstance(schema, list):
        return [close(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: close(value) for name, value in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def validator(schema):
    return jsonschema.Draft202012Validator(close(schema), format_checker=FORMATS)


def header_value(text, kind):
    """A header's text as what its schema speaks of."""
    if kind == "integer" and text.isdigit():
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


class Response:
    """One described answer: a status of an operation. `common`: headers that every answer may have."""

    def __init__(self, described, common):
        self.headers = {name.lower(): (header.get("required", False), validator(header["schema"]))
                        for name, header in {**common, **described.get("headers", {})}.items()}
        self.bodies = {media: validator(content.get("schema", {})) for media, content in described.get("content", {}).items()}

    def check_headers(self, headers):
        extra = {name.lower() for name in headers.keys()} - FRAMING - set(self.headers)
        if extra:
            raise Undescribed(f"headers that are not described: {', '.join(sorted(extra))}")
        for name, (required, schema) in self.headers.items():
            value = headers.get(name)
            if value is None and required:
                raise Undescribed(f"no header {name}")
            if value is not None:
                validate(schema, header_value(value, schema.schema.get("type")))

    def check(self, headers, body):
        self.check_headers(headers)
        if not self.bodies or body is None:
            if body:
                raise Undescribed("a body where none is described")
            return
        media = headers.get("content-type", "").split(";")[0]
        if media not in self.bodies:
            raise Undescribed(f"media type {media!r}")
        if media == "application/json":
            packed = headers.get("content-encoding") == "gzip"
            validate(self.bodies[media], json.loads(gzip.decompress(body) if packed else body))


class Document:
    """openapi.yaml, ready to be compared with answers."""

    def __init__(self, path=PATH):
        with open(path, encoding="utf-8") as file:
            self.tree = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.operations, self.patterns, self.cases, self.faults = {}, [], {}, []
        for template, item in self.tree["paths"].items():
            self.patterns.append((re.compile(re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(template))), template))
            for method in ("get", "put", "post", "delete", "patch"):
                if method in item:
                    self.operations[method.upper(), template] = item[method]
        # A literal path goes before one with a name in it.
        self.patterns.sort(key=lambda pattern: pattern[1].count("{"))
        self.common = resolve(self.tree, self.tree["x-headers-of-every-answer"])
        self.error = self.make({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}})
        self.other_method, self.other_path = self.error_with("Allow"), self.error_with("Location")

    def make(self, described):
        return Response(resolve(self.tree, described), self.common)

    def error_with(self, header):
        return self.make({"headers": {header: {"required": True, "schema": {"type": "string"}}},
                          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}})

    def template_of(self, path):
        return next((template for pattern, template in self.patterns if pattern.fullmatch(path)), None)

    def response(self, method, path, status):
        """The description of an answer; raises Undescribed when there is none."""
        template = self.template_of(path)
        operation = self.operations.get((method, template))
        if operation is None:
            if status in ANYWHERE or (status == 404 and not template):
                return self.error
            if status == 405 and template:
                return self.other_method
            if status == 307 and not template and self.template_of(path.rstrip("/")):
                return self.other_path
            raise Undescribed(f"{method} {path} is not described")
        key = (method, template, status)
        if key not in self.cases:
            described = operation["responses"].get(str(status))
            if described is None and status not in ANYWHERE:
                raise Undescribed(f"status {status} is not described")
            self.cases[key] = self.make(described) if described else self.error
        return self.cases[key]

    def check(self, method, target, status, headers, body):
        """`headers` as http.client gives them; raises Undescribed with what is wrong and the answer, which is
        also kept in `faults`: the thread that asked may not be the test's own."""
        path = target.split("?", 1)[0]
        asked = "GET" if method == "HEAD" else method
        try:
            self.response(asked, path, status).check(headers, None if method == "HEAD" else body)
        except (ValueError, Undescribed) as wrong:
            self.faults.append(f"not as openapi.yaml says: {method} {target} -> {status}: {wrong}\n{(body or b'')[:600]!r}")
            raise Undescribed(self.faults[-1]) from None


@functools.lru_cache(maxsize=None)
def document():
    """The document, read once."""
    return Document()
