"""Where networks are computed, and randomness that leaves that of others alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from omniscopy.model import DataError

_LARGEST = 2**63 - 1


def device_of(choice: str | torch.device) -> torch.device:
    """Return a device: a graphics processor for "auto" where there is one.

    Raises
    ------
    DataError
        There is no such device.
    """
    if choice == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(choice)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        message = f"there is no device {str(choice)!r} here; give device='auto' or 'cpu'"
        raise DataError(message) from error
    return device


def seed_of(*parts: int) -> int:
    """Return one seed for several numbers, such as that of a run and of an epoch."""
    seed = 0x9E3779B97F4A7C15
    for part in parts:
        seed = ((seed ^ (int(part) & _LARGEST)) * 0xBF58476D1CE4E5B9 + 1) & _LARGEST
        seed ^= seed >> 29
    return seed


def generator_of(*parts: int, device: torch.device | None = None) -> torch.Generator:
    """Return a generator of its own."""
    return torch.Generator(device=device or "cpu").manual_seed(seed_of(*parts))


@contextmanager
def seeded(*parts: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed what torch draws without being given a generator; put the state back afterwards.

    Networks draw their first weights and what they drop out so.
    """
    cuda = [torch.cuda.current_device()] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed_of(*parts))
        if cuda:
            torch.cuda.manual_seed(seed_of(*parts))
        yield
