"""``Models``: what the page can paint with, loaded when they are first chosen; one piece of work a device at a time."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from speech2img.errors import ConfigError
from speech2img.generation import MOST_GUIDANCE
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.find_release import find_release

MOST_LOADED = 3
"""Models in memory at once; the one that was not used for the longest time makes room."""


class Models:
    """The models that are served.

    Parameters
    ----------
    names : sequence of str
        Shipped weights by name, run or release folders.
    device : str
        As for `SpeechToImage.load`.
    load : callable, optional
        ``load(name, device=...)`` in the place of `SpeechToImage.load`, for tests.

    Attributes
    ----------
    at_work : threading.Lock
        Held while the device computes.
    """

    def __init__(
        self, names: Sequence[str], *, device: str = "auto", load: Callable[..., Any] = SpeechToImage.load
    ) -> None:
        self.names = tuple(names)
        self.at_work = threading.Lock()
        self._device, self._load = device, load
        self._loaded: OrderedDict[str, Any] = OrderedDict()
        self._about: dict[str, dict[str, Any]] = {}
        self._loading = threading.Lock()

    def open(self) -> None:
        """Load the first model and look whether the others are there.

        Raises
        ------
        CheckpointError, ConfigError
            If one is missing or damaged, or cannot hear or paint.
        """
        for name in self.names:
            find_release(name)
        self.get(self.names[0])

    def get(self, name: str) -> Any:
        """The pipeline of a model.

        Parameters
        ----------
        name : str
            One of ``names``; anything else is refused, so that no visitor opens a folder.

        Raises
        ------
        ConfigError
            If the model is not served here, or cannot hear or paint.
        CheckpointError
            If its folder is no longer there.
        """
        if name not in self.names:
            raise ConfigError.about(
                "model", f"{str(name)!r:.60} is not served here", f"choose {' or '.join(self.names)}"
            )
        with self._loading:
            pipe = self._loaded.get(name)
            if pipe is None:
                pipe = self._load(name, device=self._device)
                pipe.require_generator()
                if pipe.reads_text:
                    fix = "serve a model that hears, and give this one to 'speech2img generate --text'"
                    raise ConfigError.about(name, "reads text and hears nothing", fix)
                self._loaded[name], self._about[name] = pipe, _described(name, pipe)
            self._loaded.move_to_end(name)
            while len(self._loaded) > MOST_LOADED:
                self._loaded.popitem(last=False)
        return pipe

    def described(self, name: str) -> dict[str, Any]:
        """What a page or a program must know of a model, as JSON has it; errors as `get`."""
        self.get(name)
        return dict(self._about[name])


def _described(name: str, pipe: Any) -> dict[str, Any]:
    """What is released of a model: asked once, since steps and guidance of a request are set in its generator."""
    has = pipe.capabilities
    about: dict[str, Any] = {"name": name, "image_size": pipe.image_size, "capabilities": sorted(has)}
    about["weights_sha256"] = pipe.weights_sha256
    generator = pipe.require_generator().generator
    if "steps" in has:
        about |= {"steps": generator.steps, "steps_range": list(generator.steps_range)}
    if "guidance" in has:
        about |= {"guidance": generator.guidance_scale, "guidance_range": [0, MOST_GUIDANCE]}
    return about


def label(name: str) -> str:
    """What a page calls a model: the folder's own name where it is given by its path."""
    return Path(name).name or name
