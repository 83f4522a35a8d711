"""What variational autoencoders are trained by: the evidence lower bound, from some pixels."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from omniscopy.learn.batches import Batch
from omniscopy.learn.vae.networks import Code, PoseVAE

# Pixels by which anchors are told apart while learning.
_PIXELS_OF_ANCHORS = 40
# Softness of drawn kinds, as usual for the Gumbel trick (Jang, Gu and Poole 2017).
_SOFTNESS = 0.67


@dataclass(frozen=True)
class Bound:
    """The negative evidence lower bound per example, in nats.

    Attributes
    ----------
    pixels : int
        Drawn at random for every example and step; each is as likely, so that gradients are right
        in the mean.
    warm_up : int
        Steps until objects may lie anyhow: at first they are taken as they are.
    capacity : (float, float, int) or None
        Nats, weight and steps: the divergence is held near a number that rises up to the first.
    label_weight : float
        Of the cross entropy of classes that are given.
    """

    pixels: int
    warm_up: int
    capacity: tuple[float, float, int] | None
    label_weight: float

    def __call__(
        self, net: torch.nn.Module, batch: Batch, generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """Return the bound and its parts."""
        assert isinstance(net, PoseVAE)
        values, labels = batch
        values = (values - net.offset) / net.scale
        if net.training:
            net.seen += 1
        code, freedom = net.encode(values), self.freedom(net)
        code = _held(net, code, freedom)
        kinds, several = _kinds(net, code, labels, generator)
        anchor = self.anchor(net, values, code, kinds, freedom, generator)
        code, kinds = code.at(anchor), kinds[torch.arange(len(anchor)), anchor]
        noise = torch.randn(code.mean.shape, generator=generator).to(values.device)
        which = _drawn_pixels(len(net.points), self.pixels, len(values), generator).to(
            values.device
        )
        drawn = net.draw(
            code.mean + torch.exp(code.log_std) * noise,
            net.anchors[anchor],
            kinds,
            net.points[which],
        )
        square = ((drawn - values.gather(1, which)) ** 2).mean()
        count = len(net.points)
        variance = net.variance.clone()  # which is altered before gradients are taken
        misfit = 0.5 * count * (square / variance + torch.log(variance))
        divergence = net.divergence(code).mean() + several
        net.note_noise(square)
        loss = misfit + self.weighed(divergence, net)
        if net.categories and self.label_weight > 0:
            loss = loss + self.label_weight * _cross_entropy(code.scores[0], labels)
        return {"loss": loss, "square": square, "divergence": divergence}

    def freedom(self, net: PoseVAE) -> float:
        """Return how freely objects may lie by now, from 0 to 1."""
        return min(1.0, float(net.seen) / max(self.warm_up, 1))

    def weighed(self, divergence: torch.Tensor, net: PoseVAE) -> torch.Tensor:
        """Return the divergence, or its distance from the capacity of now."""
        if self.capacity is None:
            return divergence
        most, weight, steps = self.capacity
        return weight * (divergence - min(most, most * float(net.seen) / steps)).abs()

    def anchor(  # noqa: PLR0917 - all that the choice depends on
        self, net: PoseVAE, values: torch.Tensor, code: Code, kinds: torch.Tensor, freedom: float,
        generator: torch.Generator,
    ) -> torch.Tensor:  # fmt: skip
        """Return an anchor for each example, drawn from how well each explains it."""
        if len(net.anchors) == 1:
            return torch.zeros(len(values), dtype=torch.int64, device=values.device)
        count = len(net.points)
        which = torch.randperm(count, generator=generator)[: min(count, _PIXELS_OF_ANCHORS)]
        with torch.no_grad():
            found = net.judged(values, code, kinds, which.to(values.device))
            found = found.masked_fill(net.anchors.abs() > freedom * math.pi + 1e-3, -torch.inf)
            chance = found.softmax(-1).cpu()
        return torch.multinomial(chance, 1, generator=generator)[:, 0].to(values.device)


def one_hot(scores: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return the most probable kinds as zeros and ones, (..., kinds of all variables)."""
    chosen = [functional.one_hot(each.argmax(-1), each.shape[-1]).float() for each in scores]
    return torch.cat(chosen, dim=-1)


def _held(net: PoseVAE, code: Code, freedom: float) -> Code:
    """Return codes whose poses are held near none."""
    count = net.poses.count
    if freedom >= 1 or not count:
        return code
    pose = freedom * code.mean[..., :count]
    return code._replace(mean=torch.cat([pose, code.mean[..., count:]], dim=-1))


def _kinds(
    net: PoseVAE, code: Code, labels: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return kinds that are drawn, those that are known in the first variable; and their nats."""
    shape = code.mean.shape[:2]
    zero = torch.zeros((), device=code.mean.device)
    if not net.categories:
        return code.mean.new_zeros((*shape, 0)), zero
    drawn, nats = [], zero
    for number, scores in enumerate(code.scores):
        chance = scores.softmax(-1)
        told = (chance * (chance.clamp(min=1e-9).log() + math.log(scores.shape[-1]))).sum(-1)
        uniform = torch.rand(scores.shape, generator=generator).clamp(1e-6, 1 - 1e-6)
        noise = -torch.log(-torch.log(uniform)).to(scores.device)
        soft = ((scores + noise) / _SOFTNESS).softmax(-1)
        if number == 0:
            known = (labels >= 0)[:, None, None]
            sure = functional.one_hot(labels.clamp(min=0), scores.shape[-1]).float()[:, None]
            soft = torch.where(known, sure.expand_as(soft), soft)
            told = torch.where(known[..., 0], torch.zeros_like(told), told)
        drawn.append(soft)
        nats = nats + told.mean()
    return torch.cat(drawn, dim=-1), nats


def _cross_entropy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    known = labels >= 0
    if not bool(known.any()):
        return scores.sum() * 0.0
    return functional.cross_entropy(scores[known], labels[known], reduction="sum") / len(labels)


def _drawn_pixels(
    count: int, taken: int, examples: int, generator: torch.Generator
) -> torch.Tensor:
    """Return pixels for each example, without repetition, all equally likely."""
    if taken >= count:
        return torch.arange(count).expand(examples, -1)
    order = torch.randperm(count, generator=generator)
    begin = torch.randint(count, (examples, 1), generator=generator)
    return order[(begin + torch.arange(taken)) % count]
