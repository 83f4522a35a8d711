"""Several questions about an image, answered by one network."""

from collections.abc import Mapping
from typing import Any, Self, Unpack

import numpy as np
import torch
import xarray as xr
from torch.nn import functional

from omniscopy.learn.batches import Arrays, Batch
from omniscopy.learn.examples import examples_of
from omniscopy.learn.training import Training
from omniscopy.learn.vae.patches import frame_of
from omniscopy.learn.whole_images import Labels, WholeImageEstimator, aligned, status_of
from omniscopy.model import DataError, coordinate, result


class MultiTaskClassifier(WholeImageEstimator):
    """Tell several things of each image, such as its lattice and whether it has a defect.

    All questions share the network but for its last layer, so that each learns from the images of
    the others (multi-task learning [1]_).

    Parameters
    ----------
    filters, dropout, normalise, device
        As for `Classifier`.

    References
    ----------
    .. [1] R. Caruana, *Multitask learning*, Machine Learning 28, 41 (1997).

    Examples
    --------
    >>> import omniscopy as om
    >>> images, lattices = om.learn.lattice_images(8)
    >>> labels = {"lattice": lattices, "periodic": (lattices < 5).astype(int)}
    >>> model = om.learn.MultiTaskClassifier(filters=2).fit(images, labels, epochs=1)
    >>> sorted(model.predict(images).data_vars)
    ['lattice', 'lattice_probability', 'periodic', 'periodic_probability', 'status']
    """

    def fit(
        self,
        images: xr.DataArray,
        labels: Mapping[str, Labels] | xr.Dataset,
        *,
        names: Mapping[str, list[str]] | None = None,
        dims: tuple[str, str] | None = None,
        **training: Unpack[Training],
    ) -> Self:
        """Learn from images of which some answers are known.

        Parameters
        ----------
        images : DataArray, shape (..., y, x)
            Ones with NaN are left out.
        labels : mapping of str to array of int, shape (...)
            The answers to each question from 0; -1 where one is not known.
        names : mapping of str to list of str
            Of the answers to a question; numbers otherwise.
        dims : (str, str)
            The dimensions of the images; the last two spatial ones otherwise.
        **training
            Options of `train_network`, such as ``epochs`` and ``seed``.
        """
        frame = frame_of(images, 2, dims)
        values, known, template = examples_of(images, frame)
        given: dict[str, Any] = {str(name): each for name, each in labels.items()}
        called = {**dict.fromkeys(given), **(names or {})}
        if not given or set(called) != set(given) or "status" in given:
            message = (
                "expected labels of each question by its name, not 'status', and names of their "
                f"answers, got labels of {list(given)} and names of {list(names or {})}"
            )
            raise DataError(message)
        numbers = np.stack([aligned(each, template, np.int64) for each in given.values()], -1)
        questions: dict[str, Any] = {}
        for (name, answers), column in zip(called.items(), numbers.T, strict=True):
            count = int(column[known].max(initial=-1)) + 1
            if answers is not None and len(answers) < count:
                message = (
                    f"labels of {name!r} go up to {count - 1}, but there are {len(answers)} names"
                )
                raise DataError(message)
            questions[name] = list(range(count)) if answers is None else list(answers)
            if len(questions[name]) < 2:
                message = f"expected at least 2 answers to {name!r}, got {count}"
                raise DataError(message)
        known &= (numbers >= 0).any(-1)
        if known.sum() < 2:
            message = f"of {len(known)} images {known.sum()} have an answer; at least 2 are needed"
            raise DataError(message)
        facts = {
            "frame": frame.as_json(), "questions": questions,
            "outputs": sum(map(len, questions.values())),
        }  # fmt: skip
        data = Arrays(self.prepared(values[known]), np.maximum(numbers[known], -1))
        return self.train(self._loss, data, facts, training)

    def predict(
        self,
        images: xr.DataArray,
        *,
        samples: int = 0,
        seed: int = 0,
        dims: tuple[str, str] | None = None,
    ) -> xr.Dataset:
        """Return the answers for each image, and how probable each is.

        Parameters
        ----------
        images : DataArray, shape (..., y, x)
        samples, seed, dims
            As for `Classifier.predict`.

        Returns
        -------
        Dataset, shape (...)
            Of each question the number of its answer by its name, ``<name>_probability`` along
            ``<name>_category``, with ``..._std`` over samples; ``status``. NaN, -1 and status 4
            (no data) for images with NaN.
        """
        scores, known, template = self._numbers(images, dims, samples, seed)
        shape, outer = template.shape, template.dims
        coords: dict[Any, Any] = {**template.coords}
        made: dict[str, tuple[xr.Variable, str]] = {}
        for name, part in self._parts(torch.from_numpy(scores)):
            chance = part.softmax(-1).numpy()
            mean, dim = chance.mean(0), f"{name}_category"
            best = np.where(known, np.nan_to_num(mean).argmax(-1), -1)
            made[name] = (xr.Variable(outer, best.reshape(shape)), "1")
            drawn = {"probability": mean} | ({"probability_std": chance.std(0)} if samples else {})
            for what, each in drawn.items():
                whole = xr.Variable((*outer, dim), each.reshape(*shape, -1))
                made[f"{name}_{what}"] = (whole, "1")
            answers = self.facts_["questions"][name]
            coords[dim] = coordinate(dim, answers, "1", kind="channel")
        made["status"] = (xr.Variable(outer, status_of(known).reshape(shape)), "1")
        found = result({}, coords, **made)
        return self.recorded(found, "predict", {"images": images}, samples=samples, seed=seed)

    def score(self, images: xr.DataArray, labels: Mapping[str, Labels] | xr.Dataset) -> float:
        """Return the part of the known answers that are right."""
        found = self.predict(images)
        right = total = 0
        for name in self.facts_["questions"]:
            wanted = aligned(labels[name], found[name], np.int64)
            own = found[name].values.ravel()
            right += int((own == wanted)[wanted >= 0].sum())
            total += int((wanted >= 0).sum())
        return right / max(total, 1)

    def _parts(self, scores: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
        """Return the scores of each question."""
        questions = self.facts_["questions"]
        split = scores.split([len(each) for each in questions.values()], -1)
        return list(zip(questions, split, strict=True))

    def _loss(
        self, net: torch.nn.Module, batch: Batch, _generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """Return how unlikely the answers are that are known, of all questions and of each."""
        parts = self._parts(net(batch[0]).float())
        losses = {
            name: functional.cross_entropy(part, batch[1][:, n], ignore_index=-1, reduction="sum")
            # A batch may have no answer to a question.
            / (batch[1][:, n] >= 0).sum().clamp(min=1)
            for n, (name, part) in enumerate(parts)
        }  # fmt: skip
        total = torch.stack(list(losses.values())).sum()
        return {"loss": total, **{f"loss_{name}": each for name, each in losses.items()}}
