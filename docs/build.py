"""Build the whole site into docs/_build/html, offline: `python3 dev.py docs`.

`python docs/build.py --draft` does not run the examples and takes what is built already.
"""

import sys
from pathlib import Path

from pages import contents, formats, glossary, parity, reference, releases, staging
from sphinx.cmd.build import build_main

DOCS = Path(__file__).resolve().parent
SOURCE = DOCS / "_build" / "source"
HTML = DOCS / "_build" / "html"


def write_source() -> None:
    """Gather the written pages, the examples and the pages made from the package."""
    (DOCS / "parity.md").write_text(parity.page(DOCS), encoding="utf-8")
    site = staging.Site(SOURCE)
    staging.copy_pages(DOCS, site)
    staging.copy_examples(DOCS, site)
    site.add("formats.md", formats.page())
    site.add("glossary.md", glossary.page())
    site.add("release-notes.md", releases.page(DOCS))
    for name, text in contents.pages(DOCS).items():
        site.add(name, text)
    for name, text in reference.pages().items():
        site.add(f"reference/{name}", text)
    site.finish()


def main() -> int:
    """Build the site; any warning is an error."""
    write_source()
    words = ["-b", "html", "-c", DOCS, "-d", HTML.parent / "doctrees", "-j", "auto", "-q"]
    draft = "--draft" in sys.argv[1:]
    words += ["-t", "draft"] if draft else ["-W", "--keep-going"]
    return build_main([str(word) for word in [*words, SOURCE, HTML]])


if __name__ == "__main__":
    sys.exit(main())
