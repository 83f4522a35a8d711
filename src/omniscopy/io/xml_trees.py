"""XML inside vendors' files: parsed without entities, and as nested dictionaries."""

import functools
from typing import Any
from xml.etree import ElementTree

_DEEPEST = 40
_LONGEST = 1 << 26


def parse_xml(text: str) -> ElementTree.Element | None:
    """Return the root of a document, `None` where it is damaged or declares entities."""
    if len(text) > _LONGEST or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    start = text.find("<")
    try:
        return ElementTree.fromstring(text[max(start, 0) :].rstrip("\0\r\n\t "))
    except (ElementTree.ParseError, ValueError, RecursionError):
        return None


def xml_tree(element: ElementTree.Element, *, depth: int = 0) -> Any:
    """Return an element as text, or as a dictionary of its attributes and children.

    Children of the same name are a list. Namespaces are left out.
    """
    text = (element.text or "").strip()
    if not len(element) and not element.attrib:
        return text
    found: dict[str, Any] = {local_name(key): value for key, value in element.attrib.items()}
    if depth < _DEEPEST:
        for child in element:
            name, value = local_name(child.tag), xml_tree(child, depth=depth + 1)
            if name not in found:
                found[name] = value
            elif isinstance(found[name], list):
                found[name].append(value)
            else:
                found[name] = [found[name], value]
    if not found:
        return text
    if text:
        found["text"] = text
    return found


@functools.lru_cache(maxsize=1 << 12)
def local_name(tag: str) -> str:
    """Return a name without its namespace."""
    return tag.rpartition("}")[2]


def look_up(tree: Any, *path: str) -> str:
    """Return the text at a path of nested dictionaries, empty where there is none."""
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, str) else ""
