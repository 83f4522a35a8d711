"""The page of what each release brings: what is said of it, and a line of each change."""

import re
from pathlib import Path

# Where changes of a package are listed, and what they are of that name none.
AREAS = {
    "io": "Files",
    "signal": "Any signal",
    "image": "Images and surfaces",
    "atoms": "Atoms",
    "diffraction": "Diffraction and 4D-STEM",
    "eels": "Energy losses",
    "eds": "X-ray spectra",
    "spm": "Probes",
    "crystal": "Crystals and physics",
    "physics": "Crystals and physics",
    "simulate": "Simulation",
    "learn": "Networks",
    "plot": "Figures",
    "view": "Explorer, reports, command line",
    "report": "Explorer, reports, command line",
    "cli": "Explorer, reports, command line",
    "compute": "Large and long",
}
WORDS = {
    "atoms": r"\b(atoms?|columns)\b",
    "spm": r"\b(force|loops?|oscillators?|KPFM|cantilevers?|resonances?)\b",
    "diffraction": r"\b(4D-STEM|centres? of mass|orientations?|discs)\b",
    "signal": r"\b(fits?|Fourier|baselines?|spectra)\b",
    "io": r"\b(reads?|writes?|opens?|files?|formats?|headers?|saved?)\b",
    "view": r"\b(explorer|omniscopy [a-z]+|reports?|terminal|notebooks?|machines)\b",
    "plot": r"\b(figures?|drawn|captions?)\b",
    "compute": r"\b(chunks?|clusters?|threads?|runs?|memory|tasks?)\b",
}
REST = "All of it"
MANY = 20
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
        if len(lines) <= MANY:
            grouped = {"": lines} if lines else {}
        else:
            areas = [*dict.fromkeys(AREAS.values()), REST]
            grouped = {area: [line for line in lines if area_of(line) == area] for area in areas}
        if grouped:
            parts.append(f"## {title}")
        for area, own in grouped.items():
            heading = f"### {area}\n\n" if area and own else ""
            if own:
                parts.append(heading + "\n".join(f"* {line}" for line in own))
    return "\n\n".join(parts) + "\n"


def area_of(line: str) -> str:
    """Return where a change is listed: by the first package it names, or by its words."""
    named = re.search(rf"`(?:om\.|omniscopy\.)?({'|'.join(AREAS)})\b[.`]", line)
    if named:
        return AREAS[named[1]]
    found = {
        area: place.start()
        for area, words in WORDS.items()
        if (place := re.search(words, line, re.IGNORECASE))
    }
    return AREAS[min(found, key=found.__getitem__)] if found else REST


def changes(folder: Path, kind: str) -> list[str]:
    """Return what each change of a kind says, in one line."""
    files = sorted(folder.glob(f"*.{kind}.md"))
    texts = [" ".join(path.read_text(encoding="utf-8").split()).lstrip("* ") for path in files]
    return [text.replace("](docs/", "](") for text in texts]
