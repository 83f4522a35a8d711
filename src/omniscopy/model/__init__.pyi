__all__ = [
    "Analysis",
    "DataError",
    "MetadataWarning",
    "MissingDependencyError",
    "OmniscopyWarning",
    "Operation",
    "PartialDataWarning",
    "ReplayWarning",
    "Status",
    "Step",
    "Table",
    "all_operations",
    "analyses_for",
    "analysis",
    "conversion_factor",
    "convert_units",
    "coordinate",
    "decode",
    "dims_of_kind",
    "dims_of_role",
    "encode",
    "find_operation",
    "history",
    "is_unit",
    "kind_of_dim",
    "labelled",
    "operation",
    "operations",
    "require_array",
    "require_choice",
    "require_conversion",
    "require_dim",
    "require_dims",
    "require_numbers",
    "require_plane",
    "require_real",
    "require_same_direction",
    "require_same_units",
    "require_uniform",
    "require_units",
    "require_window",
    "result",
    "role_of_dim",
    "script",
    "select",
    "signal_type",
    "signal_type_of",
    "spell",
    "status_attrs",
    "units_of",
    "validate",
]

from .analyses import Analysis, analyses_for, analysis, signal_type
from .checks import (
    require_array,
    require_choice,
    require_conversion,
    require_dim,
    require_dims,
    require_numbers,
    require_plane,
    require_real,
    require_same_direction,
    require_same_units,
    require_uniform,
    require_units,
    require_window,
)
from .conversion import convert_units
from .coordinates import coordinate
from .dimensions import dims_of_kind, dims_of_role, kind_of_dim, role_of_dim, units_of
from .errors import (
    DataError,
    MetadataWarning,
    MissingDependencyError,
    OmniscopyWarning,
    PartialDataWarning,
    ReplayWarning,
)
from .operations import Operation, all_operations, find_operation, operation, operations
from .parameters import decode, encode
from .provenance import Step, history
from .results import labelled, result
from .scripts import script
from .selection import select
from .status import Status, status_attrs
from .tables import Table
from .units import conversion_factor, is_unit, spell
from .validation import validate
from .vocabulary import signal_type_of
