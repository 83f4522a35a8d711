"""Requests of the explorer: showing."""

from collections.abc import Mapping
from typing import Any

HANDLERS: Mapping[str, Any] = {}
