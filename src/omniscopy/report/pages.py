"""The page itself: one HTML file that needs nothing beside it."""

import base64
import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import jinja2

from omniscopy.report.contents import ChannelPage, Failure
from omniscopy.report.metadata import Entry

_SCRIPTS = ("report.js", "preview.js")


@dataclass(frozen=True)
class ReportPage:
    """All that a report says."""

    title: str
    facts: tuple[tuple[str, str], ...]
    channels: tuple[ChannelPage, ...]
    metadata: tuple[tuple[str, str], ...]
    original: tuple[Entry, ...]
    left_out: int
    script: str
    links: tuple[tuple[str, str, str], ...]
    notebook: str
    versions: tuple[tuple[str, str], ...]
    failures: tuple[Failure, ...]
    made: str


def render_page(page: ReportPage) -> str:
    """Return the HTML of a report; everything that comes from the file is escaped."""
    environment = _environment()
    script = "\n".join(_source(name) for name in _SCRIPTS)
    return environment.get_template("report.html.j2").render(
        page=page,
        style=_source("report.css"),
        behaviour=script,
        policy=_policy(script),
    )


def _policy(script: str) -> str:
    """Return what the page may do: show what is in it, and run the one script that is ours."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def _environment() -> Any:
    return jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _source(name: str) -> str:
    environment = _environment()
    text, _, _ = environment.loader.get_source(environment, name)
    return str(text).strip()
