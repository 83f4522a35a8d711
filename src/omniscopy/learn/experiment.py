"""Experiments that decide where to measure next."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.io.atomic import atomic_target
from omniscopy.io.errors import FormatError
from omniscopy.learn import acquisition
from omniscopy.learn.acquisition import require_acquisition
from omniscopy.learn.models import Estimator
from omniscopy.model import DataError, coordinate, decode, encode, labelled
from omniscopy.model.parameters import find_public, public_name

FORMAT = "omniscopy-experiment-1"
Acquisition = Literal[
    "expected_improvement", "upper_confidence_bound", "probability_of_improvement", "thompson",
    "uncertainty",
]  # fmt: skip


class Experiment:
    """Ask where to measure, tell what was measured, and so on.

    Parameters
    ----------
    candidates : DataArray, shape (point, inputs), or array
        Where one can measure: coordinates, or patches of an image as rows.
    model : Estimator, optional
        `GaussianProcess` (the default), `DeepKernelGP` or another one that predicts ``value`` and
        ``value_std``; learnt anew from all that was told, whenever something is asked.
    acquisition : str
        "expected_improvement", "upper_confidence_bound", "probability_of_improvement",
        "thompson" or "uncertainty" (map everything).
    maximise : bool
        Whether high values are wanted.
    initial : int
        Points that are asked for at random before the model is.
    beta, margin : float
        Of the acquisition, see there.
    distance_cost : float, units of what is promised for each unit of distance
        Of going from where was measured last.
    rng : int
        Of all that is random: the same answers give the same questions.
    fit_options : dict, optional
        Options of ``fit``.

    Attributes
    ----------
    asked, told : list
        Numbers of candidates that wait for an answer, and (number, value) of those that have one.
    """

    def __init__(  # noqa: PLR0913 - the settings
        self,
        candidates: xr.DataArray | np.ndarray,
        model: Estimator | None = None,
        *,
        acquisition: Acquisition = "expected_improvement",
        maximise: bool = True,
        initial: int = 5,
        beta: float = 2.0,
        margin: float = 0.0,
        distance_cost: float = 0.0,
        rng: int = 0,
        fit_options: dict[str, Any] | None = None,
    ) -> None:
        from omniscopy.learn.gaussian_processes.gaussian_process import GaussianProcess

        require_acquisition(acquisition)
        self.points = np.asarray(candidates, np.float64)
        if self.points.ndim == 1:
            self.points = self.points[:, None]
        if self.points.ndim != 2 or not len(self.points) or not np.isfinite(self.points).all():
            message = (
                "candidates must be finite rows, one for each place to measure at, got shape "
                f"{self.points.shape}"
            )
            raise DataError(message)
        self.model = model if model is not None else GaussianProcess()
        self.acquisition, self.maximise, self.initial = acquisition, maximise, initial
        self.beta, self.margin, self.distance_cost = beta, margin, distance_cost
        self.rng, self.fit_options = rng, dict(fit_options or {})
        self.asked: list[int] = []
        self.told: list[tuple[int, float]] = []

    def ask(self, n: int = 1) -> np.ndarray:
        """Return the numbers of the candidates to measure at next.

        Parameters
        ----------
        n : int
            How many, to be measured before more is told. Each is taken as measured with the value
            that is expected, for the next to be elsewhere (a kriging believer).

        Returns
        -------
        array of int
            Fewer than `n` where no candidate is left.

        Notes
        -----
        D. Ginsbourger, R. Le Riche and L. Carraro, *Kriging is well-suited to parallelize
        optimization*, in Computational Intelligence in Expensive Optimization Problems, Springer
        (2010).
        """
        if n < 1:
            message = f"n must be at least 1, got {n}"
            raise DataError(message)
        chosen: list[int] = []
        believed = [(each, np.nan) for each in self.asked]
        for _ in range(n):
            free = self._free(chosen)
            if not len(free):
                break
            if len(self.told) < 2 or len(self.told) + len(self.asked) + len(chosen) < self.initial:
                pick = int(self._generator(len(chosen)).choice(free))
            else:
                self._learn(believed)
                promised = self._promise(free, len(chosen))
                pick = int(free[int(np.nanargmax(promised))])
            chosen.append(pick)
            believed.append((pick, np.nan))
        self.asked += chosen
        return np.array(chosen, np.int64)

    def tell(self, numbers: Any, values: Any) -> None:
        """Take measured values.

        Parameters
        ----------
        numbers : int or array of int
            Of the candidates; ones that were not asked for are welcome.
        values : float or array
            NaN where measuring failed: they are not asked for again.
        """
        which = np.atleast_1d(np.asarray(numbers))
        measured = np.atleast_1d(np.asarray(values, np.float64))
        if which.dtype.kind not in "iu" or which.shape != measured.shape or which.ndim != 1:
            message = (
                f"expected as many values as numbers of candidates, got {numbers!r}, {values!r}"
            )
            raise DataError(message)
        if which.size and not 0 <= which.min() <= which.max() < len(self.points):
            message = (
                f"candidates have numbers from 0 to {len(self.points) - 1}, got {which.tolist()}"
            )
            raise DataError(message)
        for number, value in zip(which.tolist(), measured.tolist(), strict=True):
            self.told.append((number, value))
            if number in self.asked:
                self.asked.remove(number)

    def run(self, measure: Callable[[np.ndarray], Any], steps: int, *, n: int = 1) -> "Experiment":
        """Ask and tell.

        Parameters
        ----------
        measure : callable
            ``measure(points)`` returns the values at points, shape (n, inputs).
        steps : int
        n : int
            Points of each step.
        """
        for _ in range(steps):
            numbers = self.ask(n)
            if not len(numbers):
                break
            self.tell(numbers, measure(self.points[numbers]))
        return self

    def predict(self) -> xr.Dataset:
        """Return what is known of all candidates, ``value`` and ``value_std`` along ``point``."""
        self._learn([])
        found: xr.Dataset = self.model.predict(self.points)
        return found

    @property
    def measured(self) -> xr.DataArray:
        """Return the measured values in their order, with numbers of candidates."""
        numbers = [number for number, _ in self.told]
        values = xr.DataArray(
            [value for _, value in self.told], dims=("step",),
            coords={
                "step": coordinate("step", np.arange(len(numbers)), "1", kind="parameter"),
                "candidate": ("step", np.array(numbers, np.int64), {"units": "1"}),
            },
        )  # fmt: skip
        return labelled(values, units=None)

    @property
    def best(self) -> tuple[int, float]:
        """Return number and value of the best candidate that was measured."""
        known = [(number, value) for number, value in self.told if np.isfinite(value)]
        if not known:
            message = "nothing was measured yet"
            raise DataError(message)
        return (max if self.maximise else min)(known, key=lambda pair: pair[1])

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write all that is needed to go on, as plain JSON."""
        told = {
            "format": FORMAT, "points": encode(self.points), "asked": self.asked,
            "told": [[number, encode(value)] for number, value in self.told],
            "model": {"class": public_name(type(self.model)), "settings": self.model.settings},
            "settings": self._settings,
        }  # fmt: skip
        with atomic_target(Path(path), overwrite=overwrite) as place:
            place.write_text(json.dumps(told), encoding="utf-8")
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> "Experiment":
        """Return an experiment that was saved; nothing that is read is executed."""
        path = Path(path)
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            message = f"this is no experiment ({error})"
            raise FormatError(message, path=path) from error
        if not isinstance(told, dict) or told.get("format") != FORMAT:
            message = f"expected the format {FORMAT!r}"
            raise FormatError(message, path=path, key="format")
        try:
            kind = find_public(told["model"]["class"])
            if not (isinstance(kind, type) and issubclass(kind, Estimator)):
                message = f"{told['model']['class']!r} is no estimator"
                raise FormatError(message, path=path, key="model")
            settings = told["model"]["settings"].items()
            model = kind(**{name: decode(value) for name, value in settings})
            made = cls(decode(told["points"]), model, **told["settings"])
            made.asked = [int(each) for each in told["asked"]]
            made.told = [(int(number), float(decode(value))) for number, value in told["told"]]
        except (KeyError, TypeError, ValueError) as error:
            message = f"the experiment is damaged ({error})"
            raise FormatError(message, path=path) from error
        return made

    @property
    def _settings(self) -> dict[str, Any]:
        names = (
            "acquisition", "maximise", "initial", "beta", "margin", "distance_cost", "rng",
            "fit_options",
        )  # fmt: skip
        return {name: encode(getattr(self, name)) for name in names}

    def _free(self, chosen: list[int]) -> np.ndarray:
        """Return candidates that were neither measured nor asked for."""
        taken = {number for number, _ in self.told} | set(self.asked) | set(chosen)
        return np.array([n for n in range(len(self.points)) if n not in taken], np.int64)

    def _generator(self, number: int) -> np.random.Generator:
        return np.random.default_rng([self.rng, len(self.told), len(self.asked), number])

    def _learn(self, believed: list[tuple[int, float]]) -> None:
        """Learn from what was told, then from what is expected where nothing was told yet."""
        known = [(number, value) for number, value in self.told if np.isfinite(value)]
        if len(known) < 2:
            message = f"{len(known)} values were measured; at least 2 are needed"
            raise DataError(message)
        model: Any = self.model
        numbers = [number for number, _ in known]
        values = np.array([value for _, value in known])
        model.fit(self.points[numbers], values, **self.fit_options)
        if believed:
            waiting = [number for number, _ in believed]
            expected = model.predict(self.points[waiting])["value"].values
            both = np.concatenate([values, expected])
            model.fit(self.points[numbers + waiting], both, **self.fit_options)

    def _promise(self, free: np.ndarray, number: int) -> np.ndarray:
        """Return what measuring at candidates promises."""
        model: Any = self.model
        places = self.points[free]
        if self.acquisition == "thompson":
            seed = self._generator(number)
            found = acquisition.thompson(model.sample(places, rng=seed), maximise=self.maximise)
        else:
            predicted = model.predict(places)
            best = self.best[1]
            match self.acquisition:
                case "uncertainty":
                    found = predicted["value_std"]
                case "upper_confidence_bound":
                    found = acquisition.upper_confidence_bound(
                        predicted, beta=self.beta, maximise=self.maximise
                    )
                case name:
                    found = getattr(acquisition, name)(
                        predicted, best, maximise=self.maximise, margin=self.margin
                    )
        if self.distance_cost and self.told:
            last = self.points[self.told[-1][0]]
            found = acquisition.distance_penalty(found, places, last, cost=self.distance_cost)
        return np.asarray(found.values, np.float64)
