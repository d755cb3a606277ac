"""On a device beside the host every trainer keeps its tensors there and never lets the host wait within a step."""

import json
import subprocess
import sys
from typing import Any

import pytest
from helpers import program_environment, tiny_trainings


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the program said of each trainer; a process of its own, for it gives torch another device."""
    root = tiny_trainings.build(tmp_path_factory.mktemp("corpus"))
    done = subprocess.run(
        [sys.executable, "-m", "helpers.standin_device", root],
        env=program_environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {told["case"]: told for told in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("case", list(tiny_trainings.CASES))
def test_all_stays_on_its_device_and_no_step_waits(steps: dict[str, dict[str, Any]], case: str) -> None:
    assert steps[case] == {"case": case, "error": "", "fetched": 0, "waited": 0}


FAULTS = {
    "total = float(x.sum())": "error",
    "x = x + torch.ones(3)": "error",
    "x = x[x > 0]": "error",
    "x = x * torch.tensor([2.0, 1.0, 3.0]).to(x.device)": "waited",
    "y = x.sum().cpu()": "fetched",
    "x = x * 2 + x[torch.tensor([2, 1, 0])]": None,
}
"""Line of a step, and what the device shall say of it."""


def test_faults_are_found() -> None:
    program = f"""
import json, os, sys
import torch
from helpers import standin_device
standin_device.register()
for line in {list(FAULTS)!r}:
    standin, error = standin_device.Standin(), False
    with standin:
        x = torch.zeros(3, device=standin_device.NAME)
        try:
            exec(line)
        except Exception:
            error = True
    print(json.dumps(dict(error=error, fetched=standin.fake.fetched, waited=standin.fake.waited)), flush=True)
os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=program_environment(), capture_output=True, text=True, check=True
    )
    found = [
        next((name for name, value in json.loads(line).items() if value), None) for line in done.stdout.splitlines()
    ]
    assert found == list(FAULTS.values())
