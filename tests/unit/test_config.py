"""What the whole process is told."""

import json
import subprocess
import sys

from soundclip_demo.config import ROOT

POOLS = """
import json, faiss, numpy, torch
from threadpoolctl import ThreadpoolController
from soundclip_demo.config import limit_threads
numpys = ThreadpoolController().select(threading_layer="pthreads")
numpys.limit(limits=3), torch.set_num_threads(3), faiss.omp_set_num_threads(3)
limit_threads()
print(json.dumps([numpys.info(), torch.get_num_threads(), faiss.omp_get_max_threads()]))
"""


def test_no_pool_of_threads_stands_in_anothers_way() -> None:
    """In a process of its own: all other tests share one thread."""
    done = subprocess.run([sys.executable, "-c", POOLS], cwd=ROOT, capture_output=True, text=True, check=True)
    numpys, torchs, faisss = json.loads(done.stdout)
    assert [pool["num_threads"] for pool in numpys] == [1] * len(numpys)
    assert (torchs, faisss) == (2, 2)
    assert any("numpy" in pool["filepath"] for pool in numpys)
