#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference numbers of adversarial networks, losses, penalties and optimisers from PyTorch, for tests/test_gan.c.

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


def code_losses(p):
    """What a recogniser gets wrong of codes of three categories and two continuous numbers."""
    read, continuous = p("read", 4, 5) * 6, noise("continuous", (4, 2)) * 2
    category = F.cross_entropy(read[:, :3], torch.tensor([2, 0, 1, 2]))
    distance = F.mse_loss(read[:, 3:], continuous, reduction="sum") / 2 / 4
    return torch.stack([category, distance])


LATENT, CLASSES, BATCH = 20, 3, 4  # channels are a sixteenth of the text's
LABELS = (noise("labels", (BATCH, CLASSES)) + 0.5).to(torch.float32).to(torch.float64)


def normed(p, x, name, labels=None):
    """Batch normalisation with the batch's statistics; with labels, each picture by its mix of rows."""
    rows, axes = (1 if labels is None else CLASSES), (0, *range(2, x.dim()))
    scale, shift = p(f"{name}.scale", rows, x.shape[1]), p(f"{name}.shift", rows, x.shape[1])
    if labels is not None:
        scale, shift = labels @ scale, labels @ shift
    if x.dim() == 4:
        scale, shift = scale[:, :, None, None], shift[:, :, None, None]
    mean, variance = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * scale + shift


def spectral(weight, name):
    """weight over its largest singular value, by the very module of PyTorch with our vector in it."""
    module = torch.nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:], bias=False) if weight.dim() == 4 else \
        torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    hook = torch.nn.utils.spectral_norm(module.double(), n_power_iterations=1)
    u = (0.2 * noise(f"{name}.u", (weight.shape[0],))).to(torch.float32).to(torch.float64)
    hook.weight_u.copy_(u / u.norm())
    del hook.weight_orig
    hook.weight_orig = weight
    method = next(iter(hook._forward_pre_hooks.values()))
    return method.compute_weight(hook, do_power_iteration=True)


def dense(p, x, name, out, bias=True, norm=lambda w, name: w):
    x = x @ norm(p(f"{name}.weight", out, x.shape[1]), name).T
    return x + p(f"{name}.bias", 1, out) if bias else x


def conv(p, x, name, out, k, stride=1, bias=True, norm=lambda w, name: w):
    x = F.conv2d(x, norm(p(f"{name}.weight", out, x.shape[1], k, k), name), stride=stride, padding=(k - 1) // 2)
    return x + p(f"{name}.bias", 1, out, 1, 1) if bias else x


def conv_transpose(p, x, name, out):
    x = F.conv_transpose2d(x, p(f"{name}.weight", x.shape[1], out, 4, 4), stride=2, padding=1)
    return x + p(f"{name}.bias", 1, out, 1, 1)


def double(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


def deviation(x):
    """x with the mean deviation of groups of four pictures as a channel."""
    groups = x.reshape(4, -1, *x.shape[1:])
    d = torch.sqrt(groups.var(0, unbiased=False) + 1e-8).mean((1, 2, 3))
    return torch.cat([x, d.repeat(4)[:, None, None, None].expand(-1, 1, *x.shape[2:])], 1)


def maps(picture):
    return torch.cat([picture, LABELS[:, :, None, None].expand(-1, -1, *picture.shape[2:])], 1)


def z():
    return noise("z", (BATCH, LATENT)) * 2


def dcgan_28_generator(p, labels=None):
    x = F.leaky_relu(normed(p, dense(p, z(), "dense1", 16 * 49, bias=False), "norm1", labels), 0.2).reshape(-1, 16, 7, 7)
    for i, out in ((1, 8), (2, 4)):
        x = F.leaky_relu(normed(p, conv(p, double(x), f"conv{i}", out, 5, bias=False), f"norm{i + 1}", labels), 0.2)
    return torch.tanh(conv(p, x, "conv3", 1, 5))


def dcgan_28_generator_normalised(p):
    return dcgan_28_generator(p, LABELS)


def dcgan_28_trunk(p):
    """Of the judge."""
    x = noise("picture", (BATCH, 1, 28, 28)) * 2
    for i, out in ((1, 4), (2, 8), (3, 16)):
        x = F.leaky_relu(conv(p, x, f"conv{i}", out, 5, 2), 0.2)
    return x.flatten(1)


def dcgan_28_judge(p):
    return dense(p, dcgan_28_trunk(p), "dense1", 1)


def dcgan_28_recogniser(p):
    """Trunk of the judge and recogniser of a code of four numbers."""
    return dense(p, F.leaky_relu(dense(p, dcgan_28_trunk(p), "code.dense1", 8), 0.2), "code.dense2", 4)


def linear_judge(p):
    return dense(p, maps(noise("picture", (BATCH, 1, 28, 28)) * 2).flatten(1), "dense1", 1)


def noise_gan_28_generator(p):
    x = F.relu(dense(p, z(), "dense1", 8 * 49)).reshape(-1, 8, 7, 7)
    for i in (1, 2):
        x = F.leaky_relu(conv(p, double(x), f"conv{i}", 8, 3), 0.3)
    return torch.tanh(conv(p, x, "conv3", 1, 3))


def noise_gan_28_judge_normed(p):
    x = noise("picture", (BATCH, 1, 28, 28)) * 2
    x = F.leaky_relu(conv(p, x, "conv1", 2, 3, 2), 0.3)
    x = F.leaky_relu(normed(p, conv(p, x, "conv2", 4, 3, 2), "norm1"), 0.3)
    x = F.leaky_relu(normed(p, conv(p, x, "conv3", 16, 5, 2), "norm2"), 0.3)
    return dense(p, x.flatten(1), "dense1", 1)


def vae_28_encoder(p):
    x = noise("picture", (BATCH, 1, 28, 28)) * 2
    x = F.leaky_relu(conv(p, x, "conv1", 2, 3, 2), 0.3)
    x = F.leaky_relu(conv(p, x, "conv2", 4, 3, 2), 0.3)
    return dense(p, x.flatten(1), "dense1", 2 * LATENT)


def dcgan_64_generator_labelled(p):
    x = dense(p, torch.cat([z(), LABELS], 1), "dense1", 16 * 64)
    x = normed(p, F.leaky_relu(x, 0.2), "norm1").reshape(-1, 16, 8, 8)
    for i, out in ((1, 8), (2, 4)):
        x = F.leaky_relu(normed(p, conv_transpose(p, x, f"conv_transpose{i}", out), f"norm{i + 1}"), 0.2)
    return torch.tanh(conv_transpose(p, x, "conv_transpose3", 3))


def dcgan_64_judge_steadied(p):
    """With spectral normalisation, labels and the deviation of the minibatch."""
    x = maps(noise("picture", (BATCH, 3, 64, 64)) * 2)
    for i, out in ((1, 4), (2, 8), (3, 8)):
        x = F.leaky_relu(conv(p, x, f"conv{i}", out, 4, 2, norm=spectral), 0.2)
    return dense(p, deviation(x).flatten(1), "dense1", 1, norm=spectral)


NETWORKS = (dcgan_28_generator, dcgan_28_generator_normalised, dcgan_28_judge, dcgan_28_recogniser, linear_judge,
            noise_gan_28_generator, noise_gan_28_judge_normed, vae_28_encoder, dcgan_64_generator_labelled, dcgan_64_judge_steadied)


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
    cases |= {f.__name__: reference(f) for f in (gradient_penalty, r1, code_losses, *NETWORKS)}
    cases["descents"] = descents()
    print(json.dumps(cases, indent=1))
