"""Settings of Sphinx for the site; `build.py` gathers its source."""

import os
import sys
import warnings
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("MPLBACKEND", "Agg")
warnings.filterwarnings("ignore", category=DeprecationWarning)

project = "Omniscopy"
author = "the Omniscopy developers"
release = version_of("omniscopy")
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = [
    "examples/**",
    "written/**",
    "backreferences/**",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]
nitpicky = False

autodoc_typehints = "none"  # numpydoc's slots say more: shapes and units
add_module_names = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
myst_enable_extensions = ["deflist", "dollarmath", "colon_fence"]
myst_heading_anchors = 4

sphinx_gallery_conf = {
    "examples_dirs": ["examples", "written"],
    "gallery_dirs": ["gallery", "specification/examples"],
    "filename_pattern": r"plot_",
    "backreferences_dir": "backreferences",
    "doc_module": ("omniscopy",),
    "abort_on_example_error": False,
    "only_warn_on_example_error": False,
    "remove_config_comments": True,
    "show_memory": False,
    "capture_repr": (),  # what a notebook shows at the end of a cell is drawn as a figure
    "min_reported_time": 5,
    "download_all_examples": True,
    "plot_gallery": not tags.has("draft"),  # noqa: F821 -- Sphinx gives `tags`
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("pages.figures.scrape",),
    "reset_modules": ("matplotlib",),
}

# Formulas are drawn by what is beside the pages, with no network.
html_static_path = [
    "static",
    str(Path(find_spec("sphinx-mathjax-offline").origin).parent / "static"),
]
mathjax_path = "mathjax/tex-chtml.js"

html_css_files = ["site.css"]
html_favicon = "../src/omniscopy/view/static/icon.svg"
html_context = {"default_mode": "auto"}

html_theme = "pydata_sphinx_theme"
html_title = f"Omniscopy {release}"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "Omniscopy"},
    "show_toc_level": 2,
    "navigation_depth": 2,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
copyright = "the Omniscopy developers, MIT licence"  # noqa: A001
