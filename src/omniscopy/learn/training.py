"""Training of networks: one loop for all of them."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
import xarray as xr

from omniscopy.compute.progress import showing_progress
from omniscopy.learn.batches import Batch, Batches, Part
from omniscopy.learn.checkpoints import read_checkpoint, require_same, write_checkpoint
from omniscopy.learn.devices import device_of, generator_of, seed_of, seeded
from omniscopy.learn.schedules import Schedule, planned_rates
from omniscopy.model import DataError, coordinate, result

Loss = Callable[
    [torch.nn.Module, Batch, torch.Generator], torch.Tensor | Mapping[str, torch.Tensor]
]
# What the seeds of one training are for.
_SPLIT, _ORDER, _EXAMPLES, _NET, _JUDGED, _STATISTICS, _MOVED = range(1, 8)
# Part of the epochs, the last ones, whose weights are averaged.
_AVERAGED = 0.25
# The power of the number of an epoch that perturbations of weights fall with.
_CALMED = 1.5


@dataclass
class Progress:
    """What callbacks are told after each `epoch` of `epochs`; they end the training by `stop`.

    `net` is the network as it is now, `history` the losses and rates until now, a value an epoch.
    """

    epoch: int
    epochs: int
    net: torch.nn.Module
    history: dict[str, list[float]]
    stop: bool = False


class Training(TypedDict, total=False):
    """How networks are trained: the options of every ``fit``.

    Attributes
    ----------
    epochs : int
        How often all examples are learnt from.
    batch_size : int
    learning_rate : float
        The highest one.
    schedule : {"onecycle", "constant"} or sequence of float
        How it changes; or one for each epoch.
    cycle : int, optional
        Epochs that the schedule is planned for, if more than `epochs`; it is ended early then.
    fall : int
        So many last epochs of one that is ended early let the rate fall to nearly nothing.
    weight_decay : float
    validation : float or Batches or None
        Part of the examples, or others, that networks are judged by and do not learn from.
    early_stopping : int, optional
        Stop after so many epochs without a better validation loss, and take the best weights.
    averaging : bool
        Take the mean of the weights of the last quarter of the epochs (one at least), and measure
        the statistics of normalised layers anew with it.
    clip : float, optional
        Largest norm of the gradient.
    perturbation : float
        Standard deviation of what is added to weights before the first epoch, in parts of the
        root of their mean square; before epoch n it is smaller by n to the power of 1.5. What is
        trained so depends less on where it began.
    start : Estimator, optional
        A model of the same settings whose weights are begun with, to train it further.
    checkpoint : path, optional
        Folder that all is written to after each epoch.
    resume : bool
        Go on where the checkpoint ended, if there is one; the result is that of one training.
    progress : bool
        Show a bar in terminals.
    seed : int
        The same seed gives the same weights on the same device.
    amp : bool or "auto"
        Multiply in half precision (bfloat16); "auto" does on graphics processors.
    callbacks : sequence of callable
        Called with `Progress` after each epoch.
    device : str
        "auto", "cpu", "cuda" and others of torch.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: Schedule
    cycle: int | None
    fall: int
    weight_decay: float
    validation: float | Batches | None
    early_stopping: int | None
    averaging: bool
    clip: float | None
    perturbation: float
    start: Any
    checkpoint: str | Path | None
    resume: bool
    progress: bool
    seed: int
    amp: bool | str
    callbacks: Sequence[Callable[[Progress], None]]
    device: str | torch.device


def train_network(  # noqa: PLR0913 - the options of every training
    net: torch.nn.Module,
    loss: Loss,
    data: Batches,
    *,
    epochs: int = 20,
    batch_size: int = 16,
    learning_rate: float = 1e-3,
    schedule: Schedule = "onecycle",
    cycle: int | None = None,
    fall: int = 3,
    weight_decay: float = 0.0,
    validation: float | Batches | None = None,
    early_stopping: int | None = None,
    averaging: bool = False,
    clip: float | None = None,
    perturbation: float = 0.0,
    checkpoint: str | Path | None = None,
    resume: bool = True,
    progress: bool = True,
    seed: int = 0,
    amp: bool | str = "auto",
    callbacks: Sequence[Callable[[Progress], None]] = (),
    device: str | torch.device = "auto",
) -> xr.Dataset:
    """Train a network in place.

    Parameters
    ----------
    net : Module
        Ends on the device of the training, ready to predict.
    loss : callable
        ``loss(net, batch, generator)`` returns a number to make small, or numbers by their names
        of which one is ``loss``. `batch` is on the device of the network; what is random is drawn
        from `generator`.
    data : Batches
        Such as `Arrays`.
    epochs, batch_size, learning_rate, ..., device
        As described by `Training`.

    Returns
    -------
    Dataset, dimension epoch
        The means of what `loss` returns, ``validation_...`` of the same, ``learning_rate`` and
        the time in ``seconds``. ``attrs["stopped"]`` says why the training ended.

    Raises
    ------
    DataError
        An option has no meaning, or the checkpoint is of another training.

    Notes
    -----
    Adam with decoupled weight decay [1]_. What is random in an epoch depends on `seed` and its
    number alone, so that a training that is resumed is the same as one that was not stopped. The
    global state of torch (random numbers, number type, threads) is left as it is.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, *Decoupled weight decay regularization*, ICLR (2019).
    """
    _require_numbers(epochs, batch_size, learning_rate, early_stopping, validation, perturbation)
    place = device_of(device)
    learnt, judged = _split(data, validation, seed)
    steps = -(-len(learnt) // batch_size)
    rates = planned_rates(schedule, learning_rate, (epochs, steps), cycle=cycle, fall=fall)
    net.to(place)
    run = _Run(
        net, loss, learnt, judged, batch_size, rates, seed, place, weight_decay, clip, perturbation,
        amp is True or (amp == "auto" and place.type == "cuda"),
    )  # fmt: skip
    state = _State.begin(net)
    folder = None if checkpoint is None else Path(checkpoint)
    identity = {
        "epochs": epochs, "batch_size": batch_size, "seed": seed, "learning_rate": learning_rate,
        "examples": len(learnt), "averaging": averaging,
        "parameters": sum(each.numel() for each in net.parameters()),
    }  # fmt: skip
    if folder is not None and resume and (found := read_checkpoint(folder)) is not None:
        require_same(found[1]["identity"], identity, folder)
        state.restore(run, *found)
    first_averaged = epochs - max(1, int(_AVERAGED * epochs)) if averaging else epochs
    with showing_progress("Training") as tell:
        while state.epoch < epochs and not state.stopped:
            began = time.perf_counter()
            means = run.learn(state.epoch)
            if judged is not None:
                means |= {f"validation_{k}": v for k, v in run.judge().items()}
            state.epoch += 1
            state.note(means, float(rates[state.epoch * steps - 1]), time.perf_counter() - began)
            if state.epoch > first_averaged:
                state.average(net)
            if early_stopping is not None:
                state.compare(net, early_stopping)
            told = Progress(state.epoch, epochs, net, state.history)
            for call in callbacks:
                call(told)
            state.stopped = "callback" if told.stop else state.stopped
            if folder is not None:
                write_checkpoint(folder, *state.kept(run, identity))
            if progress:
                tell(state.epoch, epochs, f"Epoch {state.epoch}: loss {means['loss']:.4g}")
    state.finish(run)
    return _history(state.history, state.stopped or "epochs")


@dataclass(frozen=True)
class _Run:
    """What does not change during a training, and the optimiser."""

    net: torch.nn.Module
    loss: Loss
    learnt: Batches
    judged: Batches | None
    batch_size: int
    rates: np.ndarray
    seed: int
    device: torch.device
    weight_decay: float
    clip: float | None
    perturbation: float
    half: bool
    optimiser: torch.optim.Optimizer = field(init=False)

    def __post_init__(self) -> None:
        trained = [each for each in self.net.parameters() if each.requires_grad]
        made = torch.optim.AdamW(trained, lr=1.0, weight_decay=self.weight_decay)
        object.__setattr__(self, "optimiser", made)

    @property
    def steps(self) -> int:
        """Return how many steps an epoch has."""
        return -(-len(self.learnt) // self.batch_size)

    def learn(self, epoch: int) -> dict[str, float]:
        """Learn from all examples once, in an order of its own, and return the mean losses."""
        self.perturb(epoch)
        self.net.train()
        sums = _Means()
        with seeded(self.seed, _NET, epoch, device=self.device):
            for step, (batch, generator) in enumerate(self.batches(epoch, _EXAMPLES)):
                for group in self.optimiser.param_groups:
                    group["lr"] = float(self.rates[epoch * self.steps + step])
                self.optimiser.zero_grad(set_to_none=True)
                with self.precision():
                    found = _named(self.loss(self.net, batch, generator))
                if not bool(torch.isfinite(found["loss"])):
                    message = (
                        f"the loss is {float(found['loss'].detach())} in epoch {epoch + 1}; lower "
                        "`learning_rate`, or look for NaN in the data"
                    )
                    raise DataError(message)
                found["loss"].backward()
                if self.clip is not None:
                    torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
                self.optimiser.step()
                sums.add(found, len(batch[0]))
        return sums.means()

    def perturb(self, epoch: int) -> None:
        """Move the weights at random, less and less."""
        if not self.perturbation > 0:
            return
        part = self.perturbation / (1 + epoch) ** _CALMED
        generator = generator_of(self.seed, _MOVED, epoch)
        with torch.no_grad():
            for each in self.net.parameters():
                # Those of normalisations, and levels, are no weights.
                if each.requires_grad and each.ndim > 1:
                    drawn = torch.randn(each.shape, generator=generator)
                    size = each.square().mean().sqrt()
                    each.add_(part * size * drawn.to(each.device, each.dtype))

    def judge(self) -> dict[str, float]:
        """Return the mean losses of examples that are not learnt from, as they are."""
        if self.judged is None:
            return {}
        self.net.eval()
        sums = _Means()
        count = len(self.judged)
        with torch.no_grad(), seeded(self.seed, _JUDGED, device=self.device):
            for begin in range(0, count, self.batch_size):
                which = range(begin, min(begin + self.batch_size, count))
                own = generator_of(self.seed, _JUDGED, begin)
                batch = self.judged.batch(which, own, training=False)
                moved = tuple(each.to(self.device) for each in batch)
                with self.precision():
                    found = _named(self.loss(self.net, moved, own))
                sums.add(found, len(which))
        return sums.means()

    def batches(self, epoch: int, purpose: int) -> Iterator[tuple[Batch, torch.Generator]]:
        """Give all examples in a random order; the next ones are made meanwhile."""
        count = len(self.learnt)
        order = torch.randperm(count, generator=generator_of(self.seed, _ORDER, epoch)).tolist()

        def made(begin: int) -> tuple[Batch, torch.Generator]:
            own = generator_of(self.seed, purpose, epoch, begin)
            which = order[begin : begin + self.batch_size]
            return self.learnt.batch(which, own, training=True), own

        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(made, 0)
            for begin in range(0, count, self.batch_size):
                batch, own = coming.result()
                after = begin + self.batch_size
                if after < count:
                    coming = pool.submit(made, after)
                yield tuple(each.to(self.device) for each in batch), own

    def precision(self) -> Any:
        """Return a context in which products are of half precision, if that is wanted."""
        if self.half:
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

    def measure_statistics(self) -> None:
        """Measure means and variances of normalised layers anew, with all examples."""
        layers = [
            each for each in self.net.modules()
            if isinstance(each, torch.nn.modules.batchnorm._BatchNorm)
            and each.track_running_stats
        ]  # fmt: skip
        if not layers:
            return
        momenta = [each.momentum for each in layers]
        for each in layers:
            each.reset_running_stats()
            each.momentum = None
        self.net.train()
        with torch.no_grad(), seeded(self.seed, _STATISTICS, device=self.device):
            for batch, generator in self.batches(0, _STATISTICS):
                self.loss(self.net, batch, generator)
        for each, momentum in zip(layers, momenta, strict=True):
            each.momentum = momentum


@dataclass
class _State:
    """Where a training stands."""

    epoch: int
    history: dict[str, list[float]]
    mean: dict[str, torch.Tensor]
    averaged: int
    best: dict[str, torch.Tensor]
    best_loss: float
    best_epoch: int
    stopped: str | None

    @classmethod
    def begin(cls, net: torch.nn.Module) -> "_State":  # noqa: ARG003
        return cls(0, {}, {}, 0, {}, float("inf"), 0, None)

    def note(self, means: Mapping[str, float], rate: float, seconds: float) -> None:
        """Write down what an epoch gave."""
        for name, value in {**means, "learning_rate": rate, "seconds": seconds}.items():
            self.history.setdefault(name, []).append(value)

    def average(self, net: torch.nn.Module) -> None:
        """Add the weights of now to their mean."""
        self.averaged += 1
        for name, each in net.named_parameters():
            now = each.detach()
            if name in self.mean:
                self.mean[name] += (now - self.mean[name]) / self.averaged
            else:
                self.mean[name] = now.clone()

    def compare(self, net: torch.nn.Module, patience: int) -> None:
        """Keep the weights if they are the best ones, and stop where none came for long."""
        loss = self.history["validation_loss"][-1]
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, self.epoch
            self.best = {name: each.detach().clone() for name, each in net.state_dict().items()}
        elif self.epoch - self.best_epoch >= patience:
            self.stopped = "early stopping"

    def finish(self, run: _Run) -> None:
        """Give the network the best or the mean weights."""
        if self.best:
            run.net.load_state_dict(self.best)
        elif self.averaged > 0:
            with torch.no_grad():
                for name, each in run.net.named_parameters():
                    each.copy_(self.mean[name])
            run.measure_statistics()
        run.net.eval()

    def kept(
        self, run: _Run, identity: Mapping[str, Any]
    ) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return all that is needed to go on."""
        tensors = {f"net.{name}": each for name, each in run.net.state_dict().items()}
        tensors |= {f"mean.{name}": each for name, each in self.mean.items()}
        tensors |= {f"best.{name}": each for name, each in self.best.items()}
        for number, each in run.optimiser.state_dict()["state"].items():
            tensors |= {
                f"optimiser.{number}.{name}": torch.as_tensor(value) for name, value in each.items()
            }
        numbers = {
            "identity": dict(identity), "epoch": self.epoch, "history": self.history,
            "averaged": self.averaged, "best_loss": self.best_loss,
            "best_epoch": self.best_epoch, "stopped": self.stopped,
        }  # fmt: skip
        return tensors, numbers

    def restore(
        self, run: _Run, tensors: Mapping[str, torch.Tensor], numbers: Mapping[str, Any]
    ) -> None:
        """Go back to where a checkpoint was written."""
        parts: dict[str, dict[str, torch.Tensor]] = {
            "net": {},
            "mean": {},
            "best": {},
            "optimiser": {},
        }
        for name, each in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = each.to(run.device)
        run.net.load_state_dict(parts["net"])
        self.mean, self.best = parts["mean"], parts["best"]
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, each in parts["optimiser"].items():
            number, _, rest = name.partition(".")
            moments.setdefault(int(number), {})[rest] = each.cpu() if rest == "step" else each
        whole = run.optimiser.state_dict()
        run.optimiser.load_state_dict({**whole, "state": moments})
        for name in ("epoch", "history", "averaged", "best_loss", "best_epoch", "stopped"):
            setattr(self, name, numbers[name])


class _Means:
    """Means of losses over the examples of an epoch."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, found: Mapping[str, torch.Tensor], count: int) -> None:
        """Add the losses of a batch."""
        for name, value in found.items():
            self.sums[name] = self.sums.get(name, 0.0) + count * float(value.detach())
        self.count += count

    def means(self) -> dict[str, float]:
        """Return them."""
        return {name: each / self.count for name, each in self.sums.items()}


def _named(found: torch.Tensor | Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"loss": found} if isinstance(found, torch.Tensor) else dict(found)


def _split(
    data: Batches, validation: float | Batches | None, seed: int
) -> tuple[Batches, Batches | None]:
    """Return what is learnt from and what networks are judged by."""
    if validation is None or validation == 0:
        return data, None
    if not isinstance(validation, int | float):
        return data, validation
    count = len(data)
    judged = max(1, round(validation * count))
    if judged >= count:
        message = (
            f"of {count} examples, validation={validation!r} leaves none to learn from; give more "
            "examples, or validation=None"
        )
        raise DataError(message)
    order = np.random.default_rng(seed_of(seed, _SPLIT)).permutation(count)
    return Part(data, np.sort(order[judged:])), Part(data, np.sort(order[:judged]))


def _history(history: Mapping[str, list[float]], stopped: str) -> xr.Dataset:
    count = len(next(iter(history.values()), []))
    epoch = coordinate("epoch", np.arange(1, count + 1), "1", kind="parameter", quantity="epoch")
    found = {
        name: (xr.Variable(("epoch",), values), "s" if name == "seconds" else "1")
        for name, values in history.items()
    }
    return result({"stopped": stopped}, **found).assign_coords(epoch=epoch)


def _require_numbers(  # noqa: PLR0917 - the options
    epochs: int, batch_size: int, learning_rate: float, early_stopping: int | None,
    validation: object, perturbation: float,
) -> None:  # fmt: skip
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value < 1:
            message = f"{name} must be at least 1, got {value!r}"
            raise DataError(message)
    if not learning_rate > 0:
        message = f"learning_rate must be above 0, got {learning_rate!r}"
        raise DataError(message)
    if not perturbation >= 0:
        message = f"perturbation is a part of the weights from 0 on, got {perturbation!r}"
        raise DataError(message)
    if isinstance(validation, float) and not 0 <= validation < 1:
        message = f"validation must be a part from 0 to below 1, got {validation!r}"
        raise DataError(message)
    if early_stopping is not None and (early_stopping < 1 or validation in (None, 0)):
        message = (
            "early_stopping is a number of epochs, at least 1, and needs validation=, got "
            f"{early_stopping!r} with validation={validation!r}"
        )
        raise DataError(message)
