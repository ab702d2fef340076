#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference numbers of whole networks from PyTorch, for tests/test_networks.c.

Every network is written here a second time, in PyTorch and double precision, over weights that both sides compute from
the parameter's name: no weights are stored. For each network the file holds the loss (the output against a fixed probe),
the norm and some values of the output, and the norm and some values of every parameter's gradient. Of ResNet-18, whose
weights are made as torchvision calls them and go through the program's reader, it holds the features alone.

With the weights of VGG-19 (safetensors, features.convB_I) it adds the activations of their eight layers.

    python3 tests/oracle/networks.py [VGG19.safetensors] > tests/oracle/networks.json
"""
import json
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F

from noise import noise as hashed

SAMPLES = 5


def noise(name, shape):
    return torch.tensor(hashed(name, shape))


class Parameters(dict):
    """Weights by name, made on first use."""

    def __call__(self, name, *shape):
        if name not in self:
            u = noise(name, shape)
            if name.endswith("weight"):
                fan_in = int(np.prod(shape[1:]))
                u = u * math.sqrt(12 * 2 / fan_in)
            elif name.endswith("scale"):
                u = 1 + 0.4 * u
            elif name.endswith("variance"):
                u = 1 + u
            else:
                u = 0.2 * u
            u = u.to(torch.float32).to(torch.float64)  # what float32 weights hold
            self[name] = u.requires_grad_()
        return self[name]


def reflect(x, n):
    return F.pad(x, (n, n, n, n), mode="reflect")


def instance_norm(p, x, name, style=None, eps=1e-5):
    rows = style.shape[1] if style is not None else 1
    c = x.shape[1]
    scale, shift = p(f"{name}.scale", rows, c), p(f"{name}.shift", rows, c)
    if style is not None:
        scale, shift = style @ scale, style @ shift
    mean = x.mean((2, 3), keepdim=True)
    variance = x.var((2, 3), unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps) * scale[:, :, None, None] + shift[:, :, None, None]


def style_network(p):
    width, inner, residuals, ends = 8, 12, 2, 5
    photo, style = noise("photo", (2, 3, 30, 26)) + 0.5, torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)

    def conv(x, name, cout, k, stride=1):
        return F.conv2d(reflect(x, k // 2), p(f"{name}.weight", cout, x.shape[1], k, k), stride=stride)

    def stage(x, name, cout, k, stride=1):
        return F.relu(instance_norm(p, conv(x, f"{name}.conv", cout, k, stride), f"{name}.norm", style))

    x = F.pad(photo * 2 - 1, (0, 2, 0, 2), mode="reflect")
    x = stage(x, "down1", width, ends)
    x = stage(x, "down2", 2 * width, 3, 2)
    x = stage(x, "down3", inner, 3, 2)
    for i in range(1, residuals + 1):
        y = F.relu(instance_norm(p, conv(x, f"res{i}.conv1", inner, 3), f"res{i}.norm1", style))
        x = x + instance_norm(p, conv(y, f"res{i}.conv2", inner, 3), f"res{i}.norm2", style)
    x = stage(F.interpolate(x, scale_factor=2, mode="nearest"), "up1", 2 * width, 3)
    x = stage(F.interpolate(x, scale_factor=2, mode="nearest"), "up2", width, 3)
    x = conv(x, "out", 3, ends) + p("out.bias", 1, 3, 1, 1)
    return torch.tanh(x[:, :, :30, :26]) * 0.5 + 0.5


def patch(p):
    x, width = noise("picture", (2, 3, 32, 40)) * 2, 8
    for i in range(1, 4):
        x = F.conv2d(reflect(x, 1), p(f"layer{i}.conv.weight", width << (i - 1), x.shape[1], 4, 4), stride=2)
        if i == 1:
            x = x + p("layer1.conv.bias", 1, width, 1, 1)
        else:
            x = instance_norm(p, x, f"layer{i}.norm")
        x = F.leaky_relu(x, 0.2)
    return F.conv2d(reflect(x, 1), p("heads.weight", 2, x.shape[1], 3, 3)) + p("heads.bias", 1, 2, 1, 1)


def vgg_gram(p):
    """Gram matrices of relu1_2 .. relu3_4, flattened to one vector; gradient also with respect to the picture."""
    x = p("picture", 1, 3, 32, 36) * 2.5 + 0.5
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (x - mean.double()[:, None, None]) / std.double()[:, None, None]
    grams = []
    for b, (c, depth) in enumerate([(64, 2), (128, 2), (256, 4)], 1):
        x = F.max_pool2d(x, 2) if b > 1 else x
        for i in range(1, depth + 1):
            x = F.relu(F.conv2d(x, p(f"conv{b}_{i}.weight", c, x.shape[1], 3, 3), padding=1) + p(f"conv{b}_{i}.bias", 1, c, 1, 1))
            if (b, i) in ((1, 2), (2, 2), (3, 2), (3, 4)):
                f = x.flatten(2)
                grams.append((f @ f.transpose(1, 2) / (c * f.shape[2])).flatten())
    return torch.cat(grams)


def perceptual_gram(p):
    """Gram matrices of the heads over relu1_2 .. relu3_4 of the narrow VGG, each feature taken to its channels first."""
    x = p("picture", 1, 3, 32, 36) * 2.5 + 0.5
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (x - mean.double()[:, None, None]) / std.double()[:, None, None]
    grams, tap = [], 0
    for b, (c, depth) in enumerate([(4, 2), (6, 2), (8, 4)], 1):
        x = F.max_pool2d(x, 2) if b > 1 else x
        for i in range(1, depth + 1):
            x = F.relu(F.conv2d(x, p(f"conv{b}_{i}.weight", c, x.shape[1], 3, 3), padding=1) + p(f"conv{b}_{i}.bias", 1, c, 1, 1))
            if i % 2 == 0:
                wide, tap = (64, 128, 256, 256)[tap], tap + 1
                f = (F.conv2d(x, p(f"head{tap}.weight", wide, c, 1, 1)) + p(f"head{tap}.bias", 1, wide, 1, 1)).flatten(2)
                grams.append((f @ f.transpose(1, 2) / (wide * f.shape[2])).flatten())
    return torch.cat(grams)


def resnet18_taps():
    """relu after bn1, layer1, layer2 and layer3 of torchvision's ResNet-18 in evaluation mode."""
    def float32(x):
        return x.to(torch.float32).to(torch.float64)

    def conv(x, conv_name, norm_name, out, k, stride):
        c = x.shape[1]
        weight = float32(noise(f"{conv_name}.weight", (out, c, k, k)) * math.sqrt(24 / (c * k * k)))
        x = F.conv2d(x, weight, stride=stride, padding=k // 2)
        gamma, beta, mean, variance = (float32(noise(f"{norm_name}.{kind}", (out,)) * scale + shift) for kind, scale, shift in (
            ("weight", 0.4, 1), ("bias", 0.2, 0), ("running_mean", 0.2, 0), ("running_var", 1, 1)))
        return F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=1e-5)

    x = noise("photo", (1, 3, 72, 56)) + 0.5
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = F.relu(conv((x - mean.double()[:, None, None]) / std.double()[:, None, None], "conv1", "bn1", 64, 7, 2))
    taps = {"tap0": samples(x)}
    x = F.max_pool2d(x, 3, 2, 1)
    for stage, (out, stride) in enumerate([(64, 1), (128, 2), (256, 2)], 1):
        for i in range(2):
            name, s = f"layer{stage}.{i}", stride if i == 0 else 1
            y = F.relu(conv(x, f"{name}.conv1", f"{name}.bn1", out, 3, s))
            y = conv(y, f"{name}.conv2", f"{name}.bn2", out, 3, 1)
            x = F.relu(y + (conv(x, f"{name}.downsample.0", f"{name}.downsample.1", out, 1, s) if s == 2 else x))
        taps[f"tap{stage}"] = samples(x)
    return taps


def load_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    return {name: torch.tensor(np.frombuffer(data[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"]).astype(np.float64))
            for name, entry in header.items()}


def vgg_activations(path):
    weights, x = load_safetensors(path), noise("photo", (1, 3, 64, 80)) + 0.5
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x, layers = (x - mean.double()[:, None, None]) / std.double()[:, None, None], {}
    for b, depth in enumerate((2, 2, 4), 1):
        x = F.max_pool2d(x, 2) if b > 1 else x
        for i in range(1, depth + 1):
            x = F.relu(F.conv2d(x, weights[f"features.conv{b}_{i}.weight"], weights[f"features.conv{b}_{i}.bias"], padding=1))
            layers[f"relu{b}_{i}"] = samples(x)
    return layers


def samples(t):
    flat = t.detach().flatten()
    at = [i * (flat.numel() - 1) // (SAMPLES - 1) for i in range(SAMPLES)]
    return {"norm": float(flat.norm()), "values": [float(flat[i]) for i in at]}


def reference(build):
    p = Parameters()
    y = build(p)
    loss = (y * noise("probe", tuple(y.shape))).sum()
    loss.backward()
    return {"loss": float(loss), "output": samples(y), "gradients": {k: samples(v.grad) for k, v in p.items()}}


if __name__ == "__main__":
    networks = {f.__name__: reference(f) for f in (style_network, patch, vgg_gram, perceptual_gram)}
    networks["resnet18_taps"] = resnet18_taps()
    if len(sys.argv) > 1:
        networks["vgg_activations"] = vgg_activations(sys.argv[1])
    print(json.dumps(networks, indent=1))
