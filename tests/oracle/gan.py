#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference numbers of the adversarial losses, penalties, stabilisers and optimisers from PyTorch, for tests/test_gan.c.

As in networks.py both sides compute the weights from the parameter's name, and the file holds norms and some values of each
result and of its gradients. The optimisers are torch.optim's, a few steps down a bowl; the spectral norm is torch.nn.utils'.

    python3 tests/oracle/gan.py > tests/oracle/gan.json
"""
import json

import torch
import torch.nn.functional as F

from networks import noise, reference, samples

bce = F.binary_cross_entropy_with_logits


def ones(x):
    return torch.ones_like(x)


def zeros(x):
    return torch.zeros_like(x)


LOSSES = {
    "minimax": (lambda r, f, t: bce(r, t * ones(r)) + bce(f, zeros(f)), lambda r, f: -bce(f, zeros(f))),
    "non-saturating": (lambda r, f, t: bce(r, t * ones(r)) + bce(f, zeros(f)), lambda r, f: bce(f, ones(f))),
    "least-squares": (lambda r, f, t: F.mse_loss(r, t * ones(r)) / 2 + F.mse_loss(f, zeros(f)) / 2,
                      lambda r, f: F.mse_loss(f, ones(f)) / 2),
    "hinge": (lambda r, f, t: F.relu(1 - r).mean() + F.relu(1 + f).mean(), lambda r, f: -f.mean()),
    "wasserstein": (lambda r, f, t: f.mean() - r.mean(), lambda r, f: -f.mean()),
    "relativistic": (lambda r, f, t: bce(r - f, t * ones(r)), lambda r, f: bce(f - r, ones(r))),
}


def losses(name):
    """Judge at label 1, at label 0.9, and generator, of score maps that are parameters."""
    judge, generator = LOSSES[name]

    def build(p):
        r, f = p("real", 4, 1, 3, 2) * 20, p("fake", 4, 1, 3, 2) * 20
        return torch.stack([judge(r, f, 1), judge(r, f, 0.9), generator(r, f)])

    return build


def critic(p, x):
    x = F.conv2d(x, p("conv.weight", 6, x.shape[1], 4, 4), stride=2, padding=1) + p("conv.bias", 1, 6, 1, 1)
    x = torch.tanh(x).flatten(1)
    return x @ p("dense.weight", 1, x.shape[1]).T


def slopes(p):
    x = (noise("picture", (3, 2, 8, 10)) * 2).requires_grad_()
    gradient, = torch.autograd.grad(critic(p, x).sum(), x, create_graph=True)
    return gradient.flatten(1).norm(dim=1)


def gradient_penalty(p):
    return ((slopes(p) - 1) ** 2).mean()


def r1(p):
    return (slopes(p) ** 2).mean() / 2


def descent(make, clip=0, l1=0, l2=0):
    """Five steps down a bowl; the weights, the biases, and their moving average with a decay of 0.75."""
    w = noise("net.weight", (3, 5)).to(torch.float32).to(torch.float64).requires_grad_()
    b = noise("net.bias", (5,)).to(torch.float32).to(torch.float64).requires_grad_()
    x, optimizer = noise("x", (4, 3)), make([w, b])
    average = w.detach().clone()
    for _ in range(5):
        optimizer.zero_grad()
        loss = ((x @ w + b - 1) ** 2).sum() + l1 * w.abs().sum() + l2 * (w ** 2).sum()
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_([w, b], clip)
        optimizer.step()
        average = 0.75 * average + 0.25 * w.detach()
    return {"weight": samples(w), "bias": samples(b), "average": samples(average)}


def descents():
    optim = torch.optim
    return {
        "adam": descent(lambda p: optim.Adam(p, 0.02, (0.5, 0.99), 1e-12)),
        "adam clipped": descent(lambda p: optim.Adam(p, 0.02, (0.5, 0.99), 1e-12), clip=0.5),
        "rmsprop": descent(lambda p: optim.RMSprop(p, 0.02, 0.99, 1e-12)),
        "sgd": descent(lambda p: optim.SGD(p, 0.02, momentum=0.5)),
        "sgd regularised": descent(lambda p: optim.SGD(p, 0.02, momentum=0.5), l1=0.2, l2=0.3),
    }


if __name__ == "__main__":
    cases = {name: reference(losses(name)) for name in LOSSES}
    cases |= {f.__name__: reference(f) for f in (gradient_penalty, r1)}
    cases["descents"] = descents()
    print(json.dumps(cases, indent=1))
