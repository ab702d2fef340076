#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's side of bench/compare.py: one JSON line with median_ms, min_ms and memory_mib.

    peers.py run NAME INPUT.npy OUTPUT.npy THREADS RUNS   a network of networks.py; writes the last run's output
    peers.py train THREADS RUNS                           a training step: Johnson's network, batch 4 at 256x256,
                                                          VGG-19 blocks 1 to 3, content and Gram losses, Adam
    peers.py translate THREADS RUNS                       a step of CycleGAN as published: 256x256, batch 1, generators of 64
                                                          filters and 9 blocks, judges of 70x70, two Adams
    peers.py gan THREADS RUNS                             a step of impasto's dcgan-64: batch 64, non-saturating losses, two
                                                          Adams; what was drawn is judged once for both, as there
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


def convolved(cin, cout, kernel, stride=1, pad=0):
    return [nn.Conv2d(cin, cout, kernel, stride, pad), nn.InstanceNorm2d(cout), nn.ReLU(True)]


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(nn.ReflectionPad2d(1), *convolved(c, c, 3), nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3),
                                  nn.InstanceNorm2d(c))

    def forward(self, x):
        return x + self.body(x)


def translator(width=64, blocks=9):
    """The ResNet generator of Zhu et al. 2017, in -1..1."""
    layers = [nn.ReflectionPad2d(3), *convolved(3, width, 7), *convolved(width, 2 * width, 3, 2, 1),
              *convolved(2 * width, 4 * width, 3, 2, 1), *(Residual(4 * width) for _ in range(blocks))]
    for c in (4 * width, 2 * width):
        layers += [nn.ConvTranspose2d(c, c // 2, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(c // 2), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


def judge(width=64):
    """The judge of patches of 70x70 pixels."""
    layers, c = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)], width
    for stride in (2, 2, 1):
        layers += [nn.Conv2d(c, 2 * c, 4, stride, 1), nn.InstanceNorm2d(2 * c), nn.LeakyReLU(0.2, True)]
        c *= 2
    return nn.Sequential(*layers, nn.Conv2d(c, 1, 4, 1, 1))


def translate(runs, size=256, width=64, blocks=9):
    nets, judges = [translator(width, blocks) for _ in range(2)], [judge(width) for _ in range(2)]
    of_nets = torch.optim.Adam([p for n in nets for p in n.parameters()], 2e-4, (0.5, 0.999))
    of_judges = torch.optim.Adam([p for j in judges for p in j.parameters()], 2e-4, (0.5, 0.999))
    real = [torch.rand(1, 3, size, size) * 2 - 1 for _ in range(2)]

    def towards(scores, target):
        return F.mse_loss(scores, torch.full_like(scores, target))

    def train_judges(on):
        for parameter in (p for j in judges for p in j.parameters()):
            parameter.requires_grad_(on)

    def step():
        train_judges(False)
        of_nets.zero_grad(set_to_none=True)
        drawn = [nets[side](real[1 - side]) for side in range(2)]
        loss = 0
        for side in range(2):
            loss = loss + towards(judges[side](drawn[side]), 1.0)
            loss = loss + 10 * F.l1_loss(nets[side](drawn[1 - side]), real[side])
            loss = loss + 5 * F.l1_loss(nets[side](real[side]), real[side])
        loss.backward()
        of_nets.step()
        train_judges(True)
        of_judges.zero_grad(set_to_none=True)
        for side in range(2):
            (0.5 * (towards(judges[side](real[side]), 1.0) + towards(judges[side](drawn[side].detach()), 0.0))).backward()
        of_judges.step()

    report(step, runs)


def gan(runs, batch=64, latent=100):
    def slope():
        return nn.LeakyReLU(0.2, True)

    def enlarged(cin, cout):
        return [nn.ConvTranspose2d(cin, cout, 4, 2, 1, bias=False), nn.BatchNorm2d(cout, momentum=0.2), slope()]

    def reduced(cin, cout):
        return [nn.Conv2d(cin, cout, 4, 2, 1), slope(), nn.Dropout(0.3)]

    net = nn.Sequential(nn.Linear(latent, 256 * 64), slope(), nn.BatchNorm1d(256 * 64, momentum=0.2), nn.Unflatten(1, (256, 8, 8)),
                        *enlarged(256, 128), *enlarged(128, 64), nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh())
    against = nn.Sequential(*reduced(3, 64), *reduced(64, 128), *reduced(128, 128), nn.Flatten(), nn.Linear(128 * 64, 1))
    adams = [torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (net, against)]
    real = torch.rand(batch, 3, 64, 64) * 2 - 1

    def step():
        for adam in adams:
            adam.zero_grad(set_to_none=True)
        drawn = net(torch.randn(batch, latent))
        (F.softplus(-against(real)).mean() + F.softplus(against(drawn.detach())).mean()).backward()
        of_judge = [p.grad for p in against.parameters()]
        F.softplus(-against(drawn)).mean().backward(inputs=list(net.parameters()))
        for p, gradient in zip(against.parameters(), of_judge):
            p.grad = gradient
        for adam in adams:
            adam.step()

    report(step, runs)


if __name__ == "__main__":
    if len(sys.argv) == 7 and sys.argv[1] == "run":
        torch.set_num_threads(int(sys.argv[5]))
        run(*sys.argv[2:5], int(sys.argv[6]))
    elif len(sys.argv) == 4 and sys.argv[1] in ("train", "translate", "gan"):
        torch.set_num_threads(int(sys.argv[2]))
        {"train": train, "translate": translate, "gan": gan}[sys.argv[1]](int(sys.argv[3]))
    else:
        sys.exit(__doc__)
