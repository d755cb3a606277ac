"""``python -m speech2img``: the same as the ``speech2img`` command."""

from speech2img.cli.main import entry_point

entry_point()
