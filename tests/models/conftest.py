"""Networks under test run on one thread: no result may depend on the machine, small tensors gain nothing."""

import torch

torch.set_num_threads(1)
