"""The page of what each release brings: what is said of it, and a line of each change."""

from pathlib import Path

KINDS = {
    "breaking": "What works otherwise now",
    "feature": "New",
    "perf": "Quicker, or with less memory",
    "fix": "Mended",
    "doc": "Documentation",
}


def page(docs: Path) -> str:
    """Return the release notes."""
    said = (docs / "pages" / "release.md").read_text(encoding="utf-8")
    parts = [said.rstrip()]
    for kind, title in KINDS.items():
        lines = changes(docs.parent / "changes", kind)
        if lines:
            parts.append(f"## {title}\n\n" + "\n".join(f"* {line}" for line in lines))
    return "\n\n".join(parts) + "\n"


def changes(folder: Path, kind: str) -> list[str]:
    """Return what each change of a kind says, in one line."""
    files = sorted(folder.glob(f"*.{kind}.md"))
    texts = [" ".join(path.read_text(encoding="utf-8").split()) for path in files]
    return [text.replace("](docs/", "](") for text in texts]
