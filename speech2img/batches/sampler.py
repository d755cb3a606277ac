"""The order in which items are drawn: a function of seed, epoch and position alone, so it can be resumed exactly."""

from typing import Any

import numpy as np

from speech2img.errors import ConfigError, DataError


class ResumableSampler:
    """Batches of item indices, shuffled again every epoch, optionally bucketed by length.

    The order depends on ``seed``, epoch and position only: never on workers, time or the global random state. Two
    numbers (epoch, position) are the whole state.

    Parameters
    ----------
    num_items : int
        How many items there are (> 0).
    batch_size : int
        Items a batch (> 0); smaller corpora give batches of ``num_items``.
    seed : int
        Non-negative seed of the order.
    lengths : ndarray of shape (num_items,), optional
        Where given, items of similar length share a batch, so that padding to the longest stays small.
    bucket : int
        Batches that are sorted by length together; larger means less padding and less mixing.

    Notes
    -----
    The last ``num_items % batch_size`` items of an epoch's shuffle are left out of that epoch; the next epoch shuffles
    again, so no item is left out for good.
    """

    def __init__(
        self, num_items: int, batch_size: int, *, seed: int, lengths: np.ndarray | None = None, bucket: int = 32
    ) -> None:
        # What cannot be drawn from is refused.
        if num_items < 1:
            raise DataError.about("training data", "there is not a single item to draw from", "check the split's name")
        if batch_size < 1 or bucket < 1:
            raise ConfigError.about("batch_size", f"{batch_size} is not positive", "set batch_size to 1 or more")
        if lengths is not None and len(lengths) != num_items:
            raise ValueError(f"{len(lengths)} lengths for {num_items} items")
        # What is fixed for the run, and the position within its epochs.
        self.num_items = num_items
        self.batch_size = min(batch_size, num_items)
        self.seed = seed
        self._lengths = lengths
        self._bucket = bucket
        self._epoch = 0
        self._position = 0
        self._order = self._order_of(0)

    @property
    def batches_per_epoch(self) -> int:
        """How many batches make an epoch."""
        return self.num_items // self.batch_size

    def next(self) -> tuple[np.ndarray, np.random.Generator]:
        """Draw the next batch.

        Returns
        -------
        indices : ndarray of int64, shape (batch_size,)
            Item indices.
        generator : numpy.random.Generator
            Random numbers for this batch's augmentation, a function of seed, epoch and position too.
        """
        if self._position == self.batches_per_epoch:
            self._epoch += 1
            self._position = 0
            self._order = self._order_of(self._epoch)
        indices = self._order[self._position]
        generator = np.random.default_rng([self.seed, self._epoch, self._position, 1])
        self._position += 1
        return indices, generator

    def state_dict(self) -> dict[str, int]:
        """Epoch and position, and what the order was made of."""
        return {
            "epoch": self._epoch,
            "position": self._position,
            "seed": self.seed,
            "num_items": self.num_items,
            "batch_size": self.batch_size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken.

        Raises
        ------
        ConfigError
            If the state belongs to another seed, batch size or number of items.
        """
        for name in ("seed", "num_items", "batch_size"):
            if state[name] != getattr(self, name):
                raise ConfigError.about(
                    "the run's sampler",
                    f"{name} was {state[name]} when it stopped and is {getattr(self, name)} now",
                    "resume with the same corpus and settings, or start a new run folder",
                )
        self._epoch = int(state["epoch"])
        self._position = int(state["position"])
        self._order = self._order_of(self._epoch)

    def _order_of(self, epoch: int) -> np.ndarray:
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(self.num_items)[: self.batches_per_epoch * self.batch_size]
        if self._lengths is not None:
            span = self.batch_size * self._bucket
            chunks = [order[start : start + span] for start in range(0, len(order), span)]
            order = np.concatenate([chunk[np.argsort(self._lengths[chunk], kind="stable")] for chunk in chunks])
        order = order.reshape(-1, self.batch_size)
        return order if self._lengths is None else generator.permutation(order)
