"""Several models instead of one: what they agree about, and by how much they do not."""

import json
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import torch
import xarray as xr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from omniscopy.io.errors import FormatError
from omniscopy.learn.devices import generator_of
from omniscopy.learn.loading import load
from omniscopy.learn.models import Estimator
from omniscopy.learn.training import Progress
from omniscopy.model import DataError, require_choice

Strategy = Literal["init", "baseline", "snapshot", "swag"]
FORMAT, _FILE = "omniscopy-ensemble-1", "ensemble.json"
# Part of the epochs, the last ones, that weights are taken from.
_LAST = 0.5
# Members that begin at the same model: what their weights are perturbed by, and the part of the
# epochs of that model that they are trained for.
_MOVED, _FURTHER = 0.1, 0.1


class Ensemble:
    """Train several models, and predict with all.

    Parameters
    ----------
    estimator : Estimator
        With the settings of all members; it is not trained itself.
    n : int
        Members.
    strategy : {"init", "baseline", "snapshot", "swag"}
        Train each from other first weights; train one, and each for a tenth of its epochs from its
        weights, perturbed; train once and take weights of the last half of the
        epochs; or draw weights from a normal distribution with the mean and variance of those
        [1]_, each on its own.

    References
    ----------
    .. [1] W. J. Maddox et al., *A simple baseline for Bayesian uncertainty in deep learning*,
       NeurIPS (2019); the covariance is diagonal.
    """

    def __init__(self, estimator: Estimator, n: int = 5, *, strategy: Strategy = "init") -> None:
        require_choice("strategy", strategy, get_args(Strategy))
        if n < 2:
            message = f"an ensemble has at least 2 members, got n={n}"
            raise DataError(message)
        self.estimator, self.n, self.strategy = estimator, n, strategy
        self.members: list[Any] = []

    def fit(self, *data: Any, seed: int = 0, **options: Any) -> Self:
        """Learn as the estimator does; `options` are those of its ``fit``."""
        made: Any = clone(self.estimator)
        self.members = []
        if self.strategy == "init":
            self.members = [
                clone(self.estimator).fit(*data, seed=seed + number, **options)
                for number in range(self.n)
            ]
            return self
        if self.strategy == "baseline":
            return self._from_baseline(made, data, seed, options)
        states: list[dict[str, torch.Tensor]] = []

        def keep(progress: Progress) -> None:
            if progress.epoch > _LAST * progress.epochs:
                state = progress.net.state_dict()
                states.append({name: each.detach().cpu().clone() for name, each in state.items()})

        callbacks = [*options.pop("callbacks", ()), keep]
        # At a constant rate the weights walk about the minimum.
        options.setdefault("schedule", "constant")
        made.fit(*data, seed=seed, callbacks=callbacks, **options)
        wanted = self.n if self.strategy == "snapshot" else 2
        if len(states) < wanted:
            message = (
                f"{len(states)} epochs are too few to take weights from; give at least "
                f"epochs={2 * wanted}"
            )
            raise DataError(message)
        learnt = {name for name, _ in made.net_.named_parameters()}
        chosen = _snapshots(states, self.n) if self.strategy == "snapshot" else _drawn(
            states, learnt, self.n, seed
        )  # fmt: skip
        whole = made.net_.state_dict()
        for each in chosen:
            weights = {name: value for name, value in each.items() if name in learnt}
            member = clone(self.estimator)
            self.members.append(member.adopt(made.facts_, {**whole, **weights}, made.about_))
        return self

    def _from_baseline(
        self, base: Any, data: tuple[Any, ...], seed: int, options: dict[str, Any]
    ) -> Self:
        """Train one model, and further ones from its weights, perturbed, in other orders."""
        base.fit(*data, seed=seed, **options)
        epochs = max(1, round(_FURTHER * base.history_.sizes["epoch"]))
        own = {"perturbation": _MOVED, **options, "epochs": epochs, "start": base}
        # A checkpoint is that of the first model, and so short a cycle is no part of a longer one.
        for name in ("checkpoint", "cycle", "fall"):
            own.pop(name, None)
        self.members = [
            clone(self.estimator).fit(*data, seed=seed + 1 + number, **own)
            for number in range(self.n)
        ]
        return self

    def predict(self, *data: Any, method: str = "predict", **options: Any) -> xr.Dataset:
        """Predict with all members.

        Parameters
        ----------
        *data, **options
            Of the method of the estimator.
        method : str
            Such as "predict" or "transform".

        Returns
        -------
        Dataset
            Means of what members give, and ``<name>_std``: their spread, with the mean variance
            that they tell themselves, if they do. What is counted, such as ``label``, is that of
            the first member unless it has a ``probability``: then it is the most probable one.
            One DataArray is called ``value``.
        """
        if not self.members:
            message = "this Ensemble has learnt nothing yet; call its fit"
            raise NotFittedError(message)
        found = [getattr(each, method)(*data, **options) for each in self.members]
        sets = [
            each.to_dataset(name="value") if isinstance(each, xr.DataArray) else each
            for each in found
        ]
        first = sets[0]
        made = first.copy()
        for name, values in first.data_vars.items():
            if values.dtype.kind != "f" or str(name).endswith("_std"):
                continue
            many = np.stack([np.asarray(each[name].values, np.float64) for each in sets])
            var = many.var(0, ddof=1)
            own = f"{name}_std"
            if own in first and first[own].dims == values.dims:
                var = var + np.mean([np.square(each[own].values) for each in sets], axis=0)
            made[name] = values.copy(data=many.mean(0))
            made[own] = (values.dims, np.sqrt(var), {"units": values.attrs.get("units", "1")})
        if "probability" in made and "label" in made and "category" in made["probability"].dims:
            chance = made["probability"]
            best = np.nan_to_num(chance.values).argmax(chance.dims.index("category"))
            made["label"] = made["label"].copy(data=np.where(made["label"] < 0, -1, best))
        return made

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a folder with a model for each member."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=overwrite)
        for number, member in enumerate(self.members):
            member.save(folder / f"member_{number}", overwrite=overwrite)
        told = {"format": FORMAT, "members": len(self.members), "strategy": self.strategy}
        (folder / _FILE).write_text(json.dumps(told), encoding="utf-8")
        return folder

    @classmethod
    def load(cls, path: str | Path) -> "Ensemble":
        """Return an ensemble that was saved; nothing is unpickled."""
        folder = Path(path)
        try:
            told = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            count, strategy = int(told["members"]), told["strategy"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"this is no ensemble ({error})"
            raise FormatError(message, path=folder) from error
        if told.get("format") != FORMAT or not 2 <= count <= 1000:
            message = f"expected the format {FORMAT!r} with at least 2 members"
            raise FormatError(message, path=folder)
        members = [load(folder / f"member_{number}") for number in range(count)]
        made = cls(clone(members[0]), count, strategy=strategy)
        made.members = members
        return made


def _snapshots(states: list[dict[str, Any]], n: int) -> list[dict[str, torch.Tensor]]:
    """Return weights of epochs that are evenly apart, the last one included."""
    which = np.unique(np.rint(np.linspace(0, len(states) - 1, n)).astype(int))
    return [states[number] for number in which]


def _drawn(
    states: list[dict[str, torch.Tensor]], learnt: set[str], n: int, seed: int
) -> list[dict[str, torch.Tensor]]:
    """Return weights that are drawn from the distribution of those of epochs."""
    generator = generator_of(seed, 17)
    stacks = {name: torch.stack([each[name] for each in states]) for name in sorted(learnt)}
    return [
        {
            name: (
                each.mean(0)
                + each.std(0) * torch.randn(each.shape[1:], generator=generator).to(each.dtype)
            )
            for name, each in stacks.items()
        }
        for _ in range(n)
    ]
