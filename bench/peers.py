#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The networks of bench/compare.sh in PyTorch: their times, and the painter as an ONNX file for ONNX Runtime.

    peers.py paint SIZE THREADS [FILE.onnx]   median time of one pass; writes the network when a file is named
    peers.py train THREADS                    median time of one training step, batch 4 at 256x256
"""
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Conv(nn.Module):
    def __init__(self, cin, cout, kernel, stride=1, up=False):
        super().__init__()
        self.conv, self.pad, self.up = nn.Conv2d(cin, cout, kernel, stride), kernel // 2, up

    def forward(self, x):
        if self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        return self.conv(F.pad(x, (self.pad,) * 4, mode="reflect"))


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = nn.Sequential(Conv(c, c, 3), nn.InstanceNorm2d(c, affine=True)), nn.Sequential(Conv(c, c, 3), nn.InstanceNorm2d(c, affine=True))

    def forward(self, x):
        return x + self.b(F.relu(self.a(x)))


def johnson():
    """Johnson et al. 2016 with instance normalisation and nearest upsampling; 1.68 M parameters."""
    layers = []
    for conv in (Conv(3, 32, 9), Conv(32, 64, 3, 2), Conv(64, 128, 3, 2)):
        layers += [conv, nn.InstanceNorm2d(conv.conv.out_channels, affine=True), nn.ReLU()]
    layers += [Residual(128) for _ in range(5)]
    for conv in (Conv(128, 64, 3, up=True), Conv(64, 32, 3, up=True)):
        layers += [conv, nn.InstanceNorm2d(conv.conv.out_channels, affine=True), nn.ReLU()]
    return nn.Sequential(*layers, Conv(32, 3, 9))


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


def median_time(work, runs):
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def paint(size, threads, onnx=None):
    torch.set_num_threads(threads)
    net, photo = johnson().eval(), torch.rand(1, 3, size, size)
    if onnx:
        torch.onnx.export(net, photo, onnx, opset_version=13, input_names=["photo"], output_names=["painting"])
    with torch.no_grad():
        print(f"pytorch paint {size} {1e3 * median_time(lambda: net(photo), 5):.1f} ms")


def train(threads):
    torch.set_num_threads(threads)
    net, vgg, photos = johnson(), Vgg(), torch.rand(4, 3, 256, 256)
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

    print(f"pytorch training step {median_time(step, 4):.3f} s")


if __name__ == "__main__":
    if sys.argv[1] == "paint":
        paint(int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:5])
    else:
        train(int(sys.argv[2]))
