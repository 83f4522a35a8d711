"""Requests of the explorer: operating."""

from collections.abc import Mapping
from typing import Any

HANDLERS: Mapping[str, Any] = {}
