"""How pictures are taken of the figures of an example, shown by pyplot or not."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

SEEN = "__figures_taken__"


def scrape(block: Any, variables: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Save the figures that this part of an example has made, and return how they are shown."""
    del block
    names = variables["example_globals"]
    seen = names.setdefault(SEEN, set())
    paths = []
    for thing in list(names.values()):
        if isinstance(thing, Figure) and id(thing) not in seen:
            seen.add(id(thing))
            path = next(variables["image_path_iterator"])
            thing.savefig(path, dpi=110)
            paths.append(path)
    return figure_rst(paths, settings["src_dir"]) if paths else ""
