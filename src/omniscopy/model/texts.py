"""Text that may hold what is no letter: names of files in other encodings than this process's."""


def readable(text: str) -> str:
    """Return `text` as it can be written anywhere.

    Python keeps each byte of a name that it cannot read as half of a character. These are read as
    UTF-8 here; what is not that either becomes a replacement character.
    """
    try:
        stored = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        stored = text.encode(errors="replace")
    return stored.decode(errors="replace")
