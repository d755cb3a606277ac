"""Children forked after a model was loaded compute, where they would hang, and what cannot work says so."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

from speech2img.device import require_own_process
from speech2img.errors import ConfigError


def test_a_forked_child_paints(tmp_path: Path, make_release: Any) -> None:
    folder = make_release(tmp_path / "tiny")
    program = """
        import multiprocessing, sys
        import numpy as np, torch
        from speech2img.pipeline import SpeechToImage
        torch.set_num_threads(3)
        pipe = SpeechToImage.load(sys.argv[1], device="cpu")
        y = (0.3 * np.sin(np.arange(160_000) ** 1.1)).astype(np.float32)
        pipe(y)
        torch.ones(3000, 300) @ torch.ones(300, 300)
        def paint():
            print(pipe(y).size, torch.get_num_threads(), flush=True)
        child = multiprocessing.get_context("fork").Process(target=paint)
        child.start()
        child.join(60)
        print("hangs" if child.is_alive() else child.exitcode, torch.get_num_threads())
        child.kill()
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(folder)]
    environ = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    printed = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environ, check=True).stdout
    assert printed.splitlines() == ["(128, 128) 1", "0 3"]


def test_a_model_on_a_gpu_is_not_used_in_a_forked_child() -> None:
    require_own_process(torch.device("cpu"), os.getpid() + 1, name="songbirds")
    require_own_process(torch.device("cuda"), os.getpid(), name="songbirds")
    with pytest.raises(ConfigError, match="songbirds: was loaded on cuda:1 before .* 'spawn'"):
        require_own_process(torch.device("cuda:1"), os.getpid() + 1, name="songbirds")
