"""Holds schemas/openapi.yaml against what clients are made from it: document.py OPENAPI.yaml HTTP.md

Everything that goes in or comes out has a type, no amount is a floating-point number, each route has a
name and its problems, each example is what its schema says, and the problems are those of docs/http.md.
"""

import pathlib
import re
import sys

import jsonschema
import yaml

DOCUMENT = yaml.safe_load(pathlib.Path(sys.argv[1]).read_text())
TEXTS = {"application/x-ndjson", "application/yaml"}
PROBLEM = "application/problem+json"
PROBLEM_FIELDS = {"Retry-After", "Allow"}


def looked_up(node):
    while "$ref" in node:
        found = DOCUMENT
        for word in node["$ref"].removeprefix("#/").split("/"):
            found = found[word]
        node = found
    return node


def faults_of_schema(schema, where):
    if "$ref" in schema:
        looked_up(schema)
        return
    for part in schema.get("allOf", []):
        yield from faults_of_schema(part, where)
    kind = schema.get("type")
    if kind not in ("object", "array", "string", "integer", "boolean") and "allOf" not in schema:
        yield f"{where}: no type that a client can have: {kind}"
    if kind == "array":
        yield from faults_of_schema(schema.get("items", {}), f"{where}[]")
    properties = schema.get("properties", {})
    if kind == "object" and not properties and not isinstance(schema.get("additionalProperties"), dict):
        yield f"{where}: an object of nothing that is known"
    for name in schema.get("required", []):
        if name not in properties:
            yield f"{where}: requires {name}, and does not say what it is"
    for name, inner in properties.items():
        yield from faults_of_schema(inner, f"{where}.{name}")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from faults_of_schema(schema["additionalProperties"], f"{where}.*")
    yield from faults_of_examples(schema, schema, where)


def faults_of_examples(node, schema, where):
    examples = [node["example"]] if "example" in node else []
    examples += [example["value"] for example in node.get("examples", {}).values()]
    whole = {**schema, "components": DOCUMENT["components"]}
    for example in examples:
        for error in jsonschema.Draft202012Validator(whole).iter_errors(example):
            yield f"{where}: its example: {error.message}"


def faults_of_operation(operation, where):
    if not operation.get("operationId"):
        yield f"{where}: no operationId"
    for parameter in map(looked_up, operation.get("parameters", [])):
        yield from faults_of_schema(parameter["schema"], f"{where} {parameter['name']}")
        yield from faults_of_examples(parameter, parameter["schema"], f"{where} {parameter['name']}")
    answers = {status: looked_up(answer) for status, answer in operation["responses"].items()}
    for name, header in [pair for answer in answers.values() for pair in answer.get("headers", {}).items()]:
        yield from faults_of_schema(looked_up(header)["schema"], f"{where} {name}")
    for name in PROBLEM_FIELDS - answers.get("default", {}).get("headers", {}).keys():
        yield f"{where}: a problem may have {name}"
    if PROBLEM not in answers.get("default", {}).get("content", {}):
        yield f"{where}: no problem as default"
    for status, part in [("body", operation.get("requestBody", {})), *answers.items()]:
        for media, content in part.get("content", {}).items():
            yield from faults_of_schema(content["schema"], f"{where} {status}")
            is_text = media in TEXTS or media.startswith("text/")
            if is_text and content["schema"] != {"type": "string"}:
                yield f"{where} {status}: {media} is text"
            if not is_text and "$ref" not in content["schema"]:
                yield f"{where} {status}: a schema without a name"


def main():
    faults = []
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            faults += faults_of_operation(operation, f"{method} {path}")
    for name, schema in DOCUMENT["components"]["schemas"].items():
        faults += faults_of_schema(schema, name)
    page = pathlib.Path(sys.argv[2]).read_text()
    table = re.search(r"^\| `urn:vouch:problem:` \|.*?\n\n", page, re.M | re.S)[0]
    on_page = {word for row in table.strip().splitlines()[2:] for word in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    type_of_problem = looked_up(DOCUMENT["components"]["schemas"]["Problem"]["properties"]["type"])
    in_document = {urn.removeprefix("urn:vouch:problem:") for urn in type_of_problem.get("enum", [])}
    if on_page != in_document:
        faults.append(f"problems of the page or of the document alone: {sorted(on_page ^ in_document)}")
    if DOCUMENT.get("security") != []:
        faults.append("security: nobody is asked who he is, and the document does not say so")
    print("\n".join(faults))
    return 1 if faults else 0


sys.exit(main())
