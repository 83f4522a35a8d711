"""Requests of the explorer: exporting."""

from collections.abc import Mapping
from typing import Any

HANDLERS: Mapping[str, Any] = {}
