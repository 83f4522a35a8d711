"""The page of what earlier packages do and where it is here, from the tables in docs/parity."""

import tomllib
from pathlib import Path
from typing import Any

ORDER = (
    "sidpy", "pyusid_pynsid", "scifireaders", "pycroscopy", "pytemlib", "stemtool", "atomai",
    "aicrystallographer", "bglib", "ffta", "peers",
)  # fmt: skip

# What an entry without a function starts with, and what that means.
REASONS = {
    "superseded": "something else does it better, as said",
    "deprecated": "given up there too",
    "broken": "never worked as it says, and nobody asked for it",
    "not yet": "missing here, and wanted",
}

LEAD = f"""\
# Where everything went

What users of earlier packages did with them, and what does it here. Names here follow `om.`,
after `import omniscopy as om`. The tables are made from `docs/parity` by `docs/build.py`, and a
test holds them against the package: every function, parameter, test and example exists.

What has no function says why: {"; ".join(f"**{word}**: {text}" for word, text in REASONS.items())}.
"""


def systems(docs: Path) -> dict[str, dict[str, Any]]:
    """Return the tables of all earlier packages by the names of their files, in order."""
    found = {path.stem: path for path in (docs / "parity").glob("*.toml")}
    names = [*(name for name in ORDER if name in found), *sorted(set(found) - set(ORDER))]
    return {name: tomllib.loads(found[name].read_text(encoding="utf-8")) for name in names}


def features(system: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all entries of one package."""
    return [entry for group in system["groups"] for entry in group["features"]]


def listed(entry: dict[str, Any], key: str) -> list[str]:
    """Return what an entry says under `key`, which may be one word or several."""
    value = entry.get(key, [])
    return [value] if isinstance(value, str) else list(value)


def reason(entry: dict[str, Any]) -> str:
    """Return the word that says why an entry is left out, "" where it is not."""
    return str(entry["left_out"]).partition(":")[0] if "left_out" in entry else ""


def page(docs: Path) -> str:
    """Return the page: a summary, then what each package does, in groups."""
    found = systems(docs)
    return "\n".join([LEAD, *_summary(found), *(_system(found[name]) for name in found)])


def _summary(found: dict[str, dict[str, Any]]) -> list[str]:
    rows = ["| package | features | here | not yet | left out |", "|---|---:|---:|---:|---:|"]
    for system in found.values():
        why = [reason(entry) for entry in features(system)]
        here, missing = why.count(""), why.count("not yet")
        counts = [len(why), here, missing, len(why) - here - missing]
        rows.append(f"| {system['title']} | {' | '.join(map(str, counts))} |")
    return [*rows, ""]


def _system(system: dict[str, Any]) -> str:
    lines = [f"## {system['title']}", "", system["about"], ""]
    if "migration" in system:
        pages = ", ".join(f"[{name}](migration/{name}.md)" for name in system["migration"])
        lines += [f"Old calls and new ones, line by line: {pages}.", ""]
    for group in system["groups"]:
        lines += [f"### {group['name']}", "", "| what | there | here | tests | see |"]
        lines += ["|---|---|---|---|---|", *map(_row, group["features"]), ""]
    return "\n".join(lines)


def _row(entry: dict[str, Any]) -> str:
    here = ", ".join(f"`{name}`" for name in listed(entry, "function"))
    if "left_out" in entry:
        word, _, text = str(entry["left_out"]).partition(":")
        here = f"**{word}**:{text}"
    tests = ", ".join(f"`{name}`" for name in listed(entry, "test"))
    cells = [entry["feature"], entry.get("was", ""), here, tests]
    cells.append(", ".join(_link(name) for name in listed(entry, "see")))
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"


def _link(name: str) -> str:
    if name.endswith(".md"):
        return f"[{name.removesuffix('.md').replace('-', ' ')}]({name})"
    return f"[{name.removeprefix('plot_').replace('_', ' ')}](gallery/{name}.py)"
