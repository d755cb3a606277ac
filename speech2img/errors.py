"""The errors a user can meet: one base class, one class a kind, each with its exit status."""

from typing import Self


class Speech2ImgError(Exception):
    """Base of every error this package raises at a user: one line that says what, why and the way out.

    Attributes
    ----------
    exit_code : int
        The exit status of the command line when this error ends it.
    """

    exit_code: int = 1

    @classmethod
    def about(cls, subject: object, reason: object, fix: str) -> Self:
        """Build the error whose message is ``subject: reason; fix`` on one line.

        Parameters
        ----------
        subject : object
            The file or setting that is at fault.
        reason : object
            What is wrong with it: a text or an exception.
        fix : str
            What the user can do now.
        """
        return cls(printable(" ".join(f"{subject}: {reason}; {fix}".split())))


def with_article(thing: object) -> str:
    """A thing by its name with its article, in messages: ``a generator``, ``an 'image-codec'``."""
    name = str(thing)
    return f"{'an' if name.lstrip(chr(34) + chr(39))[:1].lower() in tuple('aeiou') else 'a'} {name}"


def printable(text: str) -> str:
    r"""A text in which what cannot be printed is escaped: ``\xf6`` of a Latin-1 file name, ``\x1b``, ``\u202e``."""
    return text if text.isprintable() else "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    """What stands for a character that cannot be printed; Python reads a byte that is no UTF-8 as U+DC80 to U+DCFF."""
    code = ord(char)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else char.encode("unicode_escape").decode()


class ConfigError(Speech2ImgError):
    """A setting, an option or a combination of them makes no sense."""

    exit_code = 2


class AudioError(Speech2ImgError):
    """A sound is missing, damaged or outside the limits."""


class ImageError(Speech2ImgError):
    """A picture is missing, damaged or outside the limits."""


class DataError(Speech2ImgError):
    """A corpus, manifest, store or other data file is missing, damaged or inconsistent."""


class CheckpointError(Speech2ImgError):
    """A checkpoint or a release is missing, damaged or of another model."""


class UnsafeFileError(CheckpointError):
    """A file asks for more than plain data: it is refused before any of it runs."""


class SynthesisError(Speech2ImgError):
    """A text-to-speech engine is missing or failed."""


class MetricError(Speech2ImgError):
    """A metric cannot be computed from what was given."""


class NonFiniteError(Speech2ImgError):
    """A loss or gradient is not finite, and the run stopped."""

    exit_code = 3


class OutOfMemoryError(Speech2ImgError):
    """The device or the machine has no memory left for this batch."""

    exit_code = 4


class DiskFullError(Speech2ImgError):
    """The disk has no room for a file; the unfinished file is gone, finished ones are untouched."""

    exit_code = 5


class RunInterrupted(Speech2ImgError):
    """The user or the system ended the run before its end; its state is saved."""

    exit_code = 130


class RunTerminated(RunInterrupted):
    """The system asked the run to end, twice: it ended at once, its last checkpoint is saved."""

    exit_code = 143
