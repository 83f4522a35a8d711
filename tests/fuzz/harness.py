"""Coverage-guided damage of one format: `python tests/fuzz/harness.py FORMAT [FOLDER...]`.

It needs atheris (`pip install atheris`). Sound files in the folders are what it starts from, and
what it finds is kept in the first one; further words, such as `-max_total_time=600`, are those of
libFuzzer. It stops at the first damage that is neither read nor refused by name, and keeps it.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from omniscopy.io.manifests import find_format
from omniscopy.testing.formats import check_damage


def target(name: str, folder: Path) -> Callable[[bytes], None]:
    """Return a function that opens bytes as a file of a format, whatever they look like."""
    suffix = find_format(name).extensions[0]

    def one_input(data: bytes) -> None:
        check_damage(folder / f"input{suffix}", data, folder=folder, reader=name)

    return one_input


def main() -> None:
    """Let libFuzzer make damage until it is stopped."""
    import atheris

    name, *words = sys.argv[1:] or sys.exit(__doc__)
    with atheris.instrument_imports(include=["omniscopy.io"]):
        find_format(name).reader()  # imported here, it is followed
    with tempfile.TemporaryDirectory() as folder:
        atheris.Setup([sys.argv[0], *words], target(name, Path(folder)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
