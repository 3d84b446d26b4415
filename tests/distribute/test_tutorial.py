"""The snippets of tutorials/scaling.md give every worker a cluster that `strategy` understands."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from kerasgan import distribute

PAGE = (Path(__file__).parents[2] / "tutorials" / "scaling.md").read_text()


def described(program, folder, **variables):
    """Runs shell lines with `python` (and what is called besides) replaced by a print of TF_CONFIG."""
    tools = {"python": 'echo "$TF_CONFIG"', "srun": 'exec "$@"', "scontrol": "printf 'node1\\nnode2\\nnode3\\n'"}
    for name, line in tools.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    command = subprocess.run(
        ["bash", "-c", program], env={"PATH": path} | variables, capture_output=True, text=True, check=True
    )
    assert command.stderr == ""
    return command.stdout


def blocks(heading, language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.split(heading)[1], re.DOTALL)


@pytest.mark.parametrize("worker", [0, 2])
def test_slurm(tmp_path, worker):
    variables = {"SLURM_JOB_ID": "51234", "SLURM_JOB_NODELIST": "node[1-3]", "SLURM_PROCID": str(worker)}
    output = described(blocks("### Slurm", "sh")[0], tmp_path, **variables)
    assert distribute._cluster(output)[1:] == (["node1:31234", "node2:31234", "node3:31234"], worker)


@pytest.mark.parametrize("worker", [0, 3])
def test_kubernetes(tmp_path, worker):
    manifest = blocks("### Kubernetes", "yaml")[0]
    lines = manifest.split("- |\n")[1].split("      volumes:")[0]
    output = described(lines, tmp_path, JOB_COMPLETION_INDEX=str(worker))
    assert distribute._cluster(output)[1:] == ([f"gan-{index}.gan:2222" for index in range(4)], worker)


def test_by_hand(tmp_path):
    output = described(blocks("## Several machines", "sh")[0], tmp_path)
    assert distribute._cluster(output)[1:] == (["10.0.0.1:2222", "10.0.0.2:2222"], 0)
    assert json.loads(output)["task"] == {"type": "worker", "index": 0}
