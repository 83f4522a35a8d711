"""Units of axes as programs of electron microscopy write them."""

import re

from omniscopy.model.units import spell

# No axis of theirs is over a current: a lone A, or one over it, is an ångström.
_ANGSTROM = re.compile(r"(?<![^\W_])A(?=$|\^|-|⁻)")
_MARKUP = re.compile(r"\\(?:mathrm|mathring|text|,|;|AA)|[${}\\]")
_NOTHING = {"", "unknown", "none", "_none_", "<undefined>", "undefined"}


def dimension_units(text: object) -> str | None:
    """Return the units of a dimension in their usual spelling.

    Parameters
    ----------
    text : object
        What a file says: plain, between brackets, or marked up as for a figure, such as
        ``"$A^{-1}$"``; what is not text says nothing.

    Returns
    -------
    str or None
        `A` is an ångström here; `None` where nothing is said.
    """
    if not isinstance(text, str):
        return None
    plain = text.split("\0", 1)[0].replace(r"\AA", "Å").replace(r"\mu ", "µ").replace(r"\mu", "µ")
    plain = _MARKUP.sub("", plain).strip().strip("[]").strip()
    if plain.lower() in _NOTHING:
        return None
    return spell(_ANGSTROM.sub("Å", plain)) or None
