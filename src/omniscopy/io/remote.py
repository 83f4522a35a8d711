"""Places that are named by a URL: in object stores and on web servers, through fsspec."""

import functools
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from omniscopy.io.errors import FormatError, MissingDependencyError, UnsupportedFormatError
from omniscopy.model.digests import digest_bytes, digest_listing
from omniscopy.model.errors import DataError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# What `Path` makes of a URL.
_URL_AS_PATH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(?!/)")

# The documents that a Zarr store, or a group or array in it, begins with.
ROOTS = ("zarr.json", ".zgroup", ".zarray")
# An object that is beside a store while it is written.
UNFINISHED = "unfinished.omniscopy"


@dataclass(frozen=True, repr=False)
class RemotePath:
    """A place that is named by a URL, with the part of `Path` that readers need.

    It can be pickled and holds no connection. `options` are those of fsspec, such as keys: they
    are shown, compared and kept nowhere.
    """

    url: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return re.sub(r"(?<=://)[^/@]*@", "", self.url)

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    def __dask_tokenize__(self) -> str:
        return str(self)

    def __truediv__(self, name: str) -> "RemotePath":
        return RemotePath(f"{self.url.rstrip('/')}/{name}", self.options)

    @property
    def name(self) -> str:
        """Return the last part."""
        return PurePosixPath(self.url.partition("://")[2]).name

    @property
    def stem(self) -> str:
        """Return the last part without its extension."""
        return PurePosixPath(self.name).stem

    @property
    def scheme(self) -> str:
        """Return what comes before the colon, such as "s3"."""
        return self.url.partition("://")[0]

    @property
    def settings(self) -> dict[str, Any]:
        """Return the options with those that suit stores of chunks."""
        # What another process wrote must be seen, so that listings are not kept; and the size of
        # an object is not asked for before it is fetched, as it would be to fetch it in pieces.
        own = {"max_concurrency": 1} if self.scheme in ("s3", "s3a") else {}
        return {"use_listings_cache": False, **own, **self.options}

    def file_system(self) -> tuple[Any, str]:
        """Return the file system of fsspec, and the place in it."""
        import fsspec

        scheme = self.scheme
        try:
            return fsspec.core.url_to_fs(self.url, **self.settings)
        except ImportError as error:
            if scheme in ("s3", "s3a", "http", "https"):
                package, purpose = "s3fs", f"reaching {scheme}:// addresses"
                raise MissingDependencyError(package, extra="cloud", purpose=purpose) from error
            message = f"{scheme}:// addresses need another package: {error}"
            raise ImportError(message) from error
        except ValueError as error:
            message = f"there is no file system for {scheme}:// addresses ({error})"
            raise UnsupportedFormatError(message, path=self) from error

    def absolute(self) -> "RemotePath":
        """Return this place, which a URL names in full."""
        return self

    def is_file(self) -> bool:
        """Return whether an object is there; raise in words where that cannot be known."""
        return self._kind() == "file"

    def is_dir(self) -> bool:
        """Return whether there are objects below."""
        return self._kind() == "directory"

    def exists(self) -> bool:
        """Return whether an object is there, or objects are below."""
        return self._kind() is not None

    def read_bytes(self) -> bytes:
        """Return the bytes of an object."""
        system, path = self.file_system()
        with in_words(self):
            return bytes(system.cat_file(path))

    def write_bytes(self, data: bytes) -> None:
        """Put an object there."""
        system, path = self.file_system()
        with in_words(self):
            system.pipe_file(path, data)

    def listing(self) -> dict[str, int]:
        """Return the sizes of all objects below by their names, none where there is no list."""
        system, path = self.file_system()
        with in_words(self):
            found = system.find(path, detail=True)
        start = len(path.rstrip("/")) + 1
        return {name[start:]: int(about.get("size") or 0) for name, about in found.items()}

    def delete(self) -> None:
        """Delete the object that is there."""
        system, path = self.file_system()
        with in_words(self):
            system.rm_file(path)

    def remove(self) -> None:
        """Delete what is below, what it begins with first: the rest is no store without."""
        system, path = self.file_system()
        with in_words(self):
            for name in ROOTS:
                if (self / name).is_file():
                    (self / name).delete()
            if self.exists():
                system.rm(path, recursive=True)

    @functools.cached_property
    def age(self) -> int:
        """Return a number that changes when a store is written anew."""
        system, path = self.file_system()
        with in_words(self):
            for name in ROOTS:
                with suppress(FileNotFoundError):
                    said = str(system.ukey(f"{path}/{name}"))
                    return int(digest_bytes(said.encode())[:15], 16)
        return 0

    def digest(self) -> dict[str, Any]:
        """Return size and digest of all objects below, as of a folder with the same files."""
        with suppress(FormatError):  # a web server, or rights to read objects only
            sizes = self.listing()
            if sizes:
                return digest_listing(sizes)
        for name in ROOTS:
            if (self / name).is_file():
                text = (self / name).read_bytes()
                return {"size": len(text), "digest": f"blake2b-root:{digest_bytes(text)}"}
        raise FormatError("there is no such object", path=self)  # noqa: EM101

    def _kind(self) -> str | None:
        system, path = self.file_system()
        with in_words(self):
            try:
                return str(system.info(path)["type"])
            except FileNotFoundError as error:
                if error.__cause__ is not None and "bucket" in str(error):
                    raise
                return None


Place = Path | RemotePath


def is_url(path: str | Path) -> bool:
    """Return whether something is a URL, rather than a path."""
    return _as_url(path) is not None


def locate(
    path: str | Path | RemotePath, storage_options: Mapping[str, Any] | None = None
) -> Place:
    """Return a place on this machine, or one that a URL names.

    Raises
    ------
    DataError
        `storage_options` are given for a path on this machine, or the URL is a signed one.
    """
    if isinstance(path, RemotePath):
        return path
    url = _as_url(path)
    if url is not None and url.startswith("file://"):
        path, url = Path(url2pathname(urlsplit(url).path)), None
    if url is None:
        if storage_options:
            message = f"storage_options are for URLs such as s3://bucket/name.zarr, not for {path}"
            raise DataError(message)
        return Path(path)
    if url.startswith(("http://", "https://")) and "?" in url:
        message = (
            "a signed address opens one object, but a store is many of them: give its key by "
            "storage_options={'headers': {...}}, or use the address of the object store"
        )
        raise DataError(message)
    return RemotePath(url.rstrip("/"), dict(storage_options or {}))


def _as_url(path: str | Path) -> str | None:
    if isinstance(path, str):
        return path if _URL.match(path) else None
    text = path.as_posix()
    taken_for_path = _URL_AS_PATH.match(text) is not None and not path.exists()
    return text.replace(":/", "://", 1) if taken_for_path else None


def absent(place: RemotePath) -> UnsupportedFormatError:
    """Return in words that nothing that can be read is at a place."""
    if place.is_file():
        scheme, _, path = str(place).partition("://")
        message = (
            "only Zarr stores are read where they lie; copy the file first, as by "
            f"fsspec.filesystem({scheme!r}).get({path!r}, {place.name!r}), or convert it to Zarr"
        )
    elif (place / UNFINISHED).is_file():
        message = (
            "the store is being written, or its writing was broken off; in that case write it "
            "again with `overwrite=True`"
        )
    elif place.is_dir():
        message = "there are objects, but they are no Zarr store: there is no zarr.json"
    else:
        message = "there is no such object"
    return UnsupportedFormatError(message, path=place)


@contextmanager
def in_words(place: RemotePath) -> Iterator[None]:
    """Turn what file systems raise into an error that says what to do."""
    try:
        yield
    except (FormatError, MissingDependencyError):
        raise
    except _failures() as error:
        raise FormatError(_words(error), path=place) from error


def _failures() -> tuple[type[Exception], ...]:
    """Return what the libraries raise that are in use."""
    named = (("botocore.exceptions", "BotoCoreError"), ("botocore.exceptions", "ClientError"),
             ("aiohttp", "ClientError"))  # fmt: skip
    there = [getattr(sys.modules[where], name) for where, name in named if where in sys.modules]
    return (OSError, TimeoutError, *there)


def _words(error: Exception) -> str:
    kind = type(error).__name__
    if "Credentials" in kind:
        return (
            f"no keys for the object store were found ({error}); set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or give storage_options={'key': ..., 'secret': ...}, or "
            "{'anon': True} for public data"
        )
    if isinstance(error, PermissionError):
        return f"the object store refuses access ({error}); the keys are wrong or lack the right"
    if isinstance(error, FileNotFoundError):
        bucket = "bucket" in str(error)
        return f"there is no such bucket ({error})" if bucket else "there is no such object"
    if "Connect" in kind or "Timeout" in kind:
        return f"the server cannot be reached ({error}); is `endpoint_url` right?"
    return f"the object store failed ({kind}: {error})"
