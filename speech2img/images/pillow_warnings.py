"""Warnings and log lines of Pillow, kept from the screen: what they tell is an error of ours, or of no consequence."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# Without any handler Python prints its errors on standard error; handlers of the user still get them.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_lock = threading.Lock()
_inside = 0
_outer = ExitStack()


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silence Python's warnings while any thread is inside; afterwards the user's own filters are back.

    ``warnings.catch_warnings`` alone restores filters in the wrong order when threads overlap.
    """
    global _inside
    with _lock:
        if _inside == 0:
            _outer.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _outer.close()
