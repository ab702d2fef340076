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


if __name__ == "__main__":
    cases = {name: reference(losses(name)) for name in LOSSES}
    cases |= {f.__name__: reference(f) for f in (gradient_penalty, r1)}
    print(json.dumps(cases, indent=1))
