"""Requests of the explorer: measuring."""

from collections.abc import Mapping
from typing import Any

HANDLERS: Mapping[str, Any] = {}
