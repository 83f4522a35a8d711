"""A JupyterLab of this environment, served on this machine for tests, and its notebooks."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True,
    },
    "@jupyterlab/completer-extension:inline-completer": {"providers": {}},
}  # fmt: skip
_MANAGER = "@jupyter-widgets/jupyterlab-manager"


class Lab:
    """A server of JupyterLab; use it in a `with` statement.

    Parameters
    ----------
    place : Path
        An empty folder for its notebooks, its settings and its log.
    """

    def __init__(self, place: Path) -> None:
        self.notebooks, self._config = place / "notebooks", place / "config"
        self._log = place / "lab.log"
        self.token = secrets.token_urlsafe(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Lab":
        self.notebooks.mkdir()
        (self._config / "labconfig").mkdir(parents=True)
        place = self._config / "labconfig" / "default_setting_overrides.json"
        place.write_text(json.dumps(_SETTINGS))
        folders = {
            "JUPYTER_CONFIG_DIR": self._config,
            "JUPYTER_RUNTIME_DIR": self._config / "runtime",
            "JUPYTER_DATA_DIR": self._config / "data",
            "JUPYTERLAB_SETTINGS_DIR": self._config / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": self._config / "workspaces",
            "IPYTHONDIR": self._config / "ipython",
        }
        options = {
            "ServerApp.ip": "127.0.0.1", "ServerApp.port": self.port, "ServerApp.port_retries": 0,
            "IdentityProvider.token": self.token, "ServerApp.root_dir": self.notebooks,
            "ServerApp.open_browser": False, "LabApp.extension_manager": "readonly",
            "LabApp.news_url": None, "LabApp.collaborative": False,
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "LabApp.expose_app_in_browser": True, "LanguageServerManager.autodetect": False,
        }  # fmt: skip
        words = [f"--{name}={value}" for name, value in options.items()]
        log = self._log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *words, "--allow-root"],
            env={**os.environ, **{key: str(value) for key, value in folders.items()}},
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        log.close()
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        with contextlib.suppress(OSError):
            self.end_kernels()
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook, and return its address."""
        made = {
            "cells": [
                {"cell_type": "code", "id": f"c{number}", "metadata": {}, "outputs": [],
                 "execution_count": None, "source": source}
                for number, source in enumerate(cells)
            ],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "nbformat": 4, "nbformat_minor": 5,
        }  # fmt: skip
        (self.notebooks / name).write_text(json.dumps(made))
        return f"http://127.0.0.1:{self.port}/doc/tree/{name}?token={self.token}"

    def without_widgets(self, *, off: bool = True) -> None:
        """Take away what shows widgets, for pages that open from now on; or bring it back."""
        said = {"disabledExtensions": {_MANAGER: off}}
        (self._config / "labconfig" / "page_config.json").write_text(json.dumps(said))

    def end_kernels(self) -> None:
        """End all kernels."""
        for kernel in json.loads(self._ask("api/kernels")):
            self._ask(f"api/kernels/{kernel['id']}", "DELETE")

    def log(self) -> str:
        """Return what the server said."""
        return self._log.read_text(errors="replace")

    def _ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return bytes(answer.read())

    def _wait(self, seconds: float = 300.0) -> None:
        assert self._process is not None
        end = time.monotonic() + seconds
        while True:
            try:
                self._ask("api/status")
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    message = f"JupyterLab did not start: {self.log()[-2000:]}"
                    raise RuntimeError(message) from None
                time.sleep(0.1)
            else:
                return


def run_cell(page: Any, shown: str, number: int = 0) -> Any:
    """Run a cell of a notebook, and return what it shows: a locator.

    What is run before the kernel is connected would be lost.
    """
    page.wait_for_function(
        """() => {
          const session = window.jupyterapp?.shell.currentWidget?.sessionContext?.session;
          const kernel = session?.kernel;
          return kernel?.connectionStatus === "connected" && kernel.status === "idle";
        }"""
    )
    page.evaluate(
        """(number) => {
          window.jupyterapp.shell.currentWidget.content.activeCellIndex = number;
          return window.jupyterapp.commands.execute("notebook:run-cell");
        }""",
        number,
    )
    found = page.locator(".jp-Notebook .jp-Cell").nth(number).locator(f".jp-OutputArea {shown}")
    found.first.wait_for()
    return found.first
