"""Sphinx configuration of fxkit's documentation; `make docs` builds it offline, with warnings as errors."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from fxkit import __version__

project = "fxkit"
author = "the fxkit developers"
copyright = "2026, the fxkit developers; Apache-2.0"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx_click",
    "sphinx_copybutton",
    "generated_reference",
]
exclude_patterns = ["_build", "_extensions", "reference/generated"]
smartquotes = False  # would turn --option into a dash

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_links_external_new_tab = True

html_theme = "furo"
html_title = f"fxkit {__version__}"
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
