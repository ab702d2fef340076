#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's side of bench/compare.py: one JSON line with median_ms, min_ms and memory_mib.

    peers.py run NAME INPUT.npy OUTPUT.npy THREADS RUNS   a network of networks.py; writes the last run's output
    peers.py train THREADS RUNS                           a training step: Johnson's network, batch 4 at 256x256,
                                                          VGG-19 blocks 1 to 3, content and Gram losses, Adam
"""
import json
import resource
import statistics
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F

import networks

WARM_UPS = 2


class Vgg(nn.Module):
    """Blocks 1 to 3; returns relu1_2, relu2_2, relu3_2 and relu3_4."""

    def __init__(self):
        super().__init__()
        widths = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 256)]
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in widths).requires_grad_(False)

    def forward(self, x):
        out = []
        for i, conv in enumerate(self.convs):
            x = F.relu(conv(F.max_pool2d(x, 2) if i in (2, 4) else x))
            out.append(x)
        return out[1], out[3], out[5], out[7]


def gram(f):
    f = f.flatten(2)
    return f @ f.transpose(1, 2) / (f.shape[1] * f.shape[2])


def report(work, runs):
    for _ in range(WARM_UPS):
        work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"median_ms": statistics.median(times), "min_ms": min(times), "memory_mib": memory}))


def run(name, source, target, runs):
    net, x = networks.build(name), torch.from_numpy(numpy.load(source))
    kept = []
    with torch.inference_mode():
        report(lambda: kept.__setitem__(slice(None), [net(x)]), runs)
    numpy.save(target, kept[0].numpy())


def train(runs):
    net, vgg, photos = networks.johnson(), Vgg(), torch.rand(4, 3, 256, 256)
    adam, targets = torch.optim.Adam(net.parameters(), 1e-3), [torch.rand(1, c, c) for c in (64, 128, 256, 256)]

    def step():
        adam.zero_grad()
        painted = net(photos)
        with torch.no_grad():
            content = vgg(photos)[2]
        found = vgg(painted)
        loss = F.mse_loss(found[2], content) + sum(((gram(f) - t) ** 2).mean() for f, t in zip(found, targets))
        loss.backward()
        adam.step()

    report(step, runs)


if __name__ == "__main__":
    if len(sys.argv) == 7 and sys.argv[1] == "run":
        torch.set_num_threads(int(sys.argv[5]))
        run(*sys.argv[2:5], int(sys.argv[6]))
    elif len(sys.argv) == 4 and sys.argv[1] == "train":
        torch.set_num_threads(int(sys.argv[2]))
        train(int(sys.argv[3]))
    else:
        sys.exit(__doc__)
