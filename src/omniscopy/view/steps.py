"""Requests of the explorer: steps."""

from collections.abc import Mapping
from typing import Any

HANDLERS: Mapping[str, Any] = {}
