"""Limits of this process's address space, and the verbs that cannot run within them."""

import resource

from speech2img.errors import OutOfMemoryError

WITHOUT_TORCH = ("check", "prepare", "synthesize")
TORCH_BYTES = 1200 << 20
"""Address space that importing PyTorch and one small network take."""


def address_space() -> int | None:
    """Bytes of address space that this process may have (``ulimit -v`` or ``-d``); None without a limit."""
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)


def require_address_space(verb: str) -> None:
    """Refuse a verb that computes where PyTorch cannot even be imported: its libraries would end the process.

    Raises
    ------
    OutOfMemoryError
        If the address space is limited to less than `TORCH_BYTES`.
    """
    limit = address_space()
    if verb not in WITHOUT_TORCH and limit is not None and limit < TORCH_BYTES:
        reason = f"the address space is limited to {limit >> 20:,} MiB, and PyTorch alone takes {TORCH_BYTES >> 20:,}"
        raise OutOfMemoryError.about("memory", reason, "raise the limit ('ulimit -v', 'ulimit -d')")
