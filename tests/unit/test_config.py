"""What the whole process is told."""

import torch
from threadpoolctl import ThreadpoolController

from soundclip_demo.config import THREADS, limit_threads


def test_no_pool_of_threads_stands_in_anothers_way() -> None:
    numpys = ThreadpoolController().select(threading_layer="pthreads")
    with numpys.limit(limits=2):
        limit_threads()
        assert all(pool["num_threads"] == 1 for pool in numpys.info())
        assert torch.get_num_threads() == THREADS
