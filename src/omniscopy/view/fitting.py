"""Requests of the explorer: fitting."""

from collections.abc import Mapping
from typing import Any

HANDLERS: Mapping[str, Any] = {}
