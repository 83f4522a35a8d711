"""The page of all file formats, from their manifests."""

import omniscopy as om
from omniscopy.io.manifests import all_formats


def page() -> str:
    """Return the table of formats: what is read, written, and how much it was tried."""
    unsigned = [
        form.title
        for form in all_formats().values()
        if form.reads and not form.bridge and not (form.magic or form.probe)
    ]
    rows = [
        "Each is tested on files that the tests write byte by byte; those tried on real files too",
        "say on how many. Files are known by their content, whatever they are called; by their",
        f"extension alone {'only those of ' + ', '.join(unsigned) if unsigned else 'none is'}.",
        "Those that were packed by gzip, bzip2 or xz, such as `map.mrc.gz`, are unpacked first.",
        "",
        "| format | extensions | instrument | reads | writes | lazy | metadata | tried on | get |",
        "|" + "---|" * 9,
    ]
    for row in om.io.formats():
        marks = ["yes" if row[key] else "" for key in ("reads", "writes", "lazy")]
        said = [" ".join(row["metadata"]), str(row["real_files"] or ""), row["extra"]]
        cells = [row["title"], " ".join(row["extensions"]), row["instrument"], *marks, *said]
        rows.append(f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |")
    return "# File formats\n\n" + "\n".join(rows) + "\n"
