"""Write the reference pages into docs/_build from the registry: `python3 dev.py docs`."""

import inspect
from collections import defaultdict
from pathlib import Path

import omniscopy as om
from omniscopy.io.manifests import all_formats
from omniscopy.model import all_operations

BUILD = Path(__file__).parent / "_build"


def operation_pages() -> dict[str, str]:
    """Return a page for each package, with every operation's signature and docstring."""
    pages: dict[str, list[str]] = defaultdict(list)
    for entry in all_operations():
        package, _, name = entry.name.rpartition(".")
        signature = inspect.signature(entry.function)
        pages[package].append(
            f"## `{name}{signature}`\n\n```text\n{inspect.getdoc(entry.function)}\n```\n"
        )
    return {name: f"# omniscopy.{name}\n\n" + "\n".join(parts) for name, parts in pages.items()}


def format_page() -> str:
    """Return the page of all file formats."""
    unsigned = [
        form.title
        for form in all_formats().values()
        if form.reads and not form.bridge and not (form.magic or form.probe)
    ]
    rows = [
        "Each is tested on files that the tests write byte by byte; those tried on real files too",
        "say on how many. Files are known by their content, whatever they are called; by their",
        f"extension alone only those of: {', '.join(unsigned) or 'no format'}.",
        "",
        "| format | extensions | instrument | reads | writes | lazy | metadata | tried on | get |",
        "|" + "---|" * 9,
    ]
    for row in om.io.formats():
        marks = ["yes" if row[key] else "" for key in ("reads", "writes", "lazy")]
        said = [" ".join(row["metadata"]), str(row["real_files"] or ""), row["extra"]]
        cells = [row["title"], " ".join(row["extensions"]), row["instrument"], *marks, *said]
        rows.append(f"| {' | '.join(cells)} |")
    return "# File formats\n\n" + "\n".join(rows) + "\n"


def main() -> None:
    """Write all pages and a list of them."""
    (BUILD / "reference").mkdir(parents=True, exist_ok=True)
    pages = operation_pages() | {"formats": format_page()}
    for name, text in pages.items():
        (BUILD / "reference" / f"{name}.md").write_text(text, encoding="utf-8")
    links = [f"* [{name}](reference/{name}.md)" for name in sorted(pages)]
    (BUILD / "index.md").write_text("# Reference\n\n" + "\n".join(links) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
