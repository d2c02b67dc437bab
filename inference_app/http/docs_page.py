"""The API's page, made from its OpenAPI document: plain HTML that loads nothing from anywhere."""

import json
from html import escape
from typing import Any

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}
code,pre{font-family:ui-monospace,monospace;background:#f3f4f6;border-radius:4px;padding:.1rem .3rem}
pre{padding:.8rem;overflow:auto}h2{margin-top:2rem;font-size:1.1rem}"""


def render(document: dict[str, Any]) -> str:
    """HTML for an OpenAPI document: each operation with its bodies, answers and an example."""
    title = escape(document["info"]["title"])
    operations = [
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    intro = '<p>The same for programs: <a href="openapi.json">openapi.json</a></p>'
    return f'<!doctype html><html lang="en">{head}<h1>{title}</h1>{intro}{"".join(operations)}</html>'


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    bodies = operation.get("requestBody", {}).get("content", {})
    answers = operation.get("responses", {})
    return "".join(
        [
            f"<h2><code>{method.upper()} {escape(path)}</code></h2>",
            f"<p>{escape(operation.get('description', ''))}</p>",
            *(_body(media_type, body) for media_type, body in bodies.items()),
            "<ul>",
            *(f"<li>{code}: {escape(answer.get('description', ''))}</li>" for code, answer in sorted(answers.items())),
            "</ul>",
        ]
    )


def _body(media_type: str, body: dict[str, Any]) -> str:
    example = f"<pre>{escape(json.dumps(body['example']))}</pre>" if "example" in body else ""
    return f"<p>Body: <code>{escape(media_type)}</code></p>{example}"
