"""The one folder that is served: what lies outside it is neither read nor written."""

import os
from dataclasses import dataclass
from pathlib import Path

from omniscopy.io.errors import FormatError
from omniscopy.io.remote import is_url
from omniscopy.model.errors import DataError


@dataclass(frozen=True)
class Root:
    """A folder and the paths that may be named below it; symbolic links count as what they are of.

    `folder` is absolute and without links: make it with `Root.at`.
    """

    folder: Path

    @classmethod
    def at(cls, folder: str | Path) -> "Root":
        """Return the root of a folder; raise `DataError` where there is none."""
        found = Path(folder).resolve()
        if not found.is_dir():
            message = f"the root {str(folder)!r} is not a folder"
            raise DataError(message)
        return cls(found)

    def shown(self, path: Path) -> str:
        """Return a path as it is named here: relative to the root."""
        return path.relative_to(self.folder).as_posix()

    def hide(self, text: str) -> str:
        """Return a message without where on the machine the root is."""
        return text.replace(f"{self.folder}{os.sep}", "").replace(str(self.folder), ".")

    def existing(self, path: str) -> Path:
        """Return a file or data set below the root; raise where there is none or links lead out."""
        found = self._inside(path)
        if not found.exists():
            message = "there is no such file"
            raise FormatError(message, path=self.shown(found))
        if not (found.is_file() or found.is_dir()):
            message = f"{path!r} is neither a file nor a folder"
            raise DataError(message)
        self._require_own(found)
        return found

    def subfolder(self, path: str) -> Path:
        """Return a folder below the root, or the root itself; raise `DataError` for all else."""
        found = self._inside(path)
        if not found.is_dir():
            message = f"there is no folder {self.shown(found)!r}"
            raise DataError(message)
        return found

    def new(self, path: str) -> Path:
        """Return where a new file may be written; raise where something is there already."""
        given = self._joined(path)
        folder = self.subfolder(str(given.parent))
        place = folder / given.name
        if given.name in ("", "..") or place == self.folder:
            message = f"{path!r} is not the name of a file"
            raise DataError(message)
        if place.is_symlink() or place.exists():
            message = f"{self.shown(place)!r} is there already and is not replaced; take a new name"
            raise DataError(message)
        return place

    def leads_out(self, entry: Path) -> bool:
        """Return whether an entry is, or is reached by, a link to something outside."""
        try:
            found = entry.resolve()
        except (OSError, RuntimeError):  # links that go in circles
            return True
        # As of Python 3.13 those are no errors: they stay links.
        circles = any(each.is_symlink() for each in (found, *found.parents))
        return circles or not found.is_relative_to(self.folder)

    def _joined(self, path: str) -> Path:
        if is_url(path):
            message = f"{path!r} is a URL; only files below the root are opened"
            raise DataError(message)
        if not path or "\0" in path:
            message = f"{path!r} is not the name of a file"
            raise DataError(message)
        return self.folder / path

    def _inside(self, path: str) -> Path:
        found = self._joined(path)
        if self.leads_out(found):
            message = f"{path!r} is outside the folder that is served, and is not touched"
            raise DataError(message)
        return found.resolve()

    def _require_own(self, found: Path) -> None:
        """Raise where parts of a data set, in its folder or beside it, are links to outside."""
        if found.is_dir():
            parts = (
                Path(folder, name)
                for folder, folders, files in os.walk(found)
                for name in (*folders, *files)
            )
        else:
            parts = (each for each in found.parent.iterdir() if each.name.startswith(found.stem))
        for part in parts:
            if part.is_symlink() and self.leads_out(part):
                message = (
                    f"{self.shown(part)!r} is a link to something outside the folder that is "
                    "served, and is not followed"
                )
                raise DataError(message)
