#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference numbers of unpaired translation from PyTorch, for tests/test_translate.c.

As in networks.py both sides compute the weights from the parameter's name. `cyclegan` and `cut` are whole objectives, of
translators and of judges, as their papers' code writes them (pictures in -1..1 for the distances, least squares, the
judges' losses halved, patches compared by cross-entropy), over tiny networks; each with one option of the cartoon GANs.
`painter_gan` and `anime` are those of the pairs that are trained by a feature network, with either fusion.

    python3 tests/oracle/translate.py > tests/oracle/translate.json
"""
import json

import torch
import torch.nn.functional as F

from gan import conv as plain_conv, dense, double, normed
from networks import instance_norm, noise, reference, reflect

SIZE, WIDTH, WEIGHT_CYCLE, WEIGHT_IDENTITY = 32, 4, 10, 5


def within(p, prefix):
    return lambda name, *shape: p(prefix + name, *shape)


def conv(p, x, name, out, k, stride=1):
    return F.conv2d(reflect(x, k // 2), p(f"{name}.weight", out, x.shape[1], k, k), stride=stride)


def translator(p, pictures):
    """A ResNet generator with transposed convolutions, and what it has seen on the way."""
    def activated(x, name):
        return F.relu(instance_norm(p, x, name))

    x, taps = pictures * 2 - 1, []
    taps.append(x)
    x = activated(conv(p, x, "down1.conv", WIDTH, 3), "down1.norm")
    for i, factor in ((2, 2), (3, 4)):
        taps.append(conv(p, x, f"down{i}.conv", factor * WIDTH, 3, 2))
        x = activated(taps[-1], f"down{i}.norm")
    for i in (1, 2):
        y = activated(conv(p, x, f"res{i}.conv1", 4 * WIDTH, 3), f"res{i}.norm1")
        x = x + instance_norm(p, conv(p, y, f"res{i}.conv2", 4 * WIDTH, 3), f"res{i}.norm2")
        taps.append(x)
    for i, factor in ((1, 2), (2, 1)):
        weight = p(f"up{i}.conv.weight", x.shape[1], factor * WIDTH, 3, 3)
        x = activated(F.conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1), f"up{i}.norm")
    x = conv(p, x, "out", 3, 3) + p("out.bias", 1, 3, 1, 1)
    return torch.tanh(x) / 2 + 0.5, taps


def judge(p, pictures):
    x = pictures * 2 - 1
    for i, stride in enumerate((2, 2, 2, 1), 1):
        x = F.conv2d(reflect(x, 1), p(f"layer{i}.conv.weight", WIDTH << (i - 1), x.shape[1], 4, 4), stride=stride)
        x = x + p("layer1.conv.bias", 1, WIDTH, 1, 1) if i == 1 else instance_norm(p, x, f"layer{i}.norm")
        x = F.leaky_relu(x, 0.2)
    return F.conv2d(reflect(x, 1), p("heads.weight", 1, x.shape[1], 4, 4)) + p("heads.bias", 1, 1, 1, 1)


def least_squares(scores, target):
    return F.mse_loss(scores, torch.full_like(scores, target))


def l1(a, b):
    return F.l1_loss(a * 2 - 1, b * 2 - 1)


YUV = torch.tensor([[0.299, 0.587, 0.114], [-0.14714119, -0.28886916, 0.43601035], [0.61497538, -0.51496512, -0.10001026]],
                   dtype=torch.float64)


def colour(a, b):
    a, b = (torch.einsum("kc,nchw->nkhw", YUV, x) for x in (a, b))
    return F.l1_loss(a[:, 0], b[:, 0]) + F.huber_loss(a[:, 1], b[:, 1]) + F.huber_loss(a[:, 2], b[:, 2])


def smooth_edges(x):
    grey = reflect(torch.einsum("c,nchw->nhw", YUV[0], x)[:, None], 1)
    sobel = torch.tensor([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]], dtype=torch.float64)
    slope = F.conv2d(grey, torch.stack([sobel, sobel.T])[:, None]).norm(dim=1, keepdim=True)
    edge = F.max_pool2d(slope, 5, 1, 2) > 0.4
    taps = torch.exp(-torch.arange(-2.0, 3) ** 2 / (2 * 1.1 ** 2)).double()
    gauss = torch.outer(taps, taps) / taps.sum() ** 2
    blurred = F.conv2d(reflect(x, 2), gauss.expand(3, 1, 5, 5), groups=3)
    return torch.where(edge, blurred, x)


def pictures():
    """Of both sides, smooth ones with some edges."""
    return (F.interpolate(noise(name, (2, 3, 6, 6)), size=(SIZE, SIZE), mode="bilinear", align_corners=False) * 0.9 + 0.5
            + 0.1 * (noise(name + "s", (2, 3, SIZE, SIZE)) > 0.45).double() for name in ("photo", "painting"))


def judged(p, side, real, drawn, smoothed=None):
    d = within(p, f"judge.{side}.")
    loss = least_squares(judge(d, real), 1.0) + least_squares(judge(d, drawn.detach()), 0.0)
    if smoothed is not None:
        loss = loss + 0.5 * least_squares(judge(d, smoothed), 0.0)
    return loss / 2, least_squares(judge(d, drawn), 1.0)


def cyclegan(p):
    x, y = pictures()
    g, f = within(p, "translator.painting."), within(p, "translator.photo.")
    fake_y, fake_x = translator(g, x)[0], translator(f, y)[0]
    cycle = l1(translator(f, fake_y)[0], x) + l1(translator(g, fake_x)[0], y)
    identity = l1(translator(g, y)[0], y) + l1(translator(f, x)[0], x)
    judge_y, fool_y = judged(p, "painting", y, fake_y, smooth_edges(y))
    judge_x, fool_x = judged(p, "photo", x, fake_x)
    return torch.stack([fool_y + fool_x + WEIGHT_CYCLE * cycle + WEIGHT_IDENTITY * identity, judge_y + judge_x])


def projected(p, features, places, name):
    x = features.flatten(2)[:, :, places].permute(0, 2, 1)
    x = F.relu(x @ p(f"{name}.dense1.weight", 256, x.shape[2]).T + p(f"{name}.dense1.bias", 1, 256))
    x = x @ p(f"{name}.dense2.weight", 256, 256).T + p(f"{name}.dense2.bias", 1, 256)
    return F.normalize(x, dim=2)


def contrast(p, queries, keys):
    """PatchNCE over pictures of a batch."""
    losses = []
    for i, (query, key) in enumerate(zip(queries, keys)):
        places = (torch.arange(6) * 7 + i) % (query.shape[2] * query.shape[3])
        q, k = projected(p, query, places, f"head.{i}"), projected(p, key, places, f"head.{i}").detach()
        for a, b in zip(q, k):
            losses.append(F.cross_entropy(a @ b.T / 0.07, torch.arange(6)))
    return torch.stack(losses).mean()


def cut(p):
    x, y = pictures()
    g = within(p, "translator.painting.")
    (fake, keys_x), (same, keys_y) = translator(g, x), translator(g, y)
    nce = 0.5 * contrast(p, translator(g, fake)[1], keys_x) + 0.5 * contrast(p, translator(g, same)[1], keys_y)
    judge_y, fool_y = judged(p, "painting", y, fake)
    return torch.stack([fool_y + nce + 10 * colour(fake, x), judge_y])


def layers(p, x, rows):
    """Generators and judges of a pair, a letter a row: c convolution of so many channels, r ReLU, n normalisation, l leaky ReLU,
    m max-pooling, u enlarging, f flattening and a dense layer."""
    count = {}
    for row in rows.split():
        kind, out = row[0], int(row[1:] or 0)
        count[kind] = count.get(kind, 0) + 1
        x = {"c": lambda: plain_conv(p, x, f"conv{count[kind]}", out, 3), "r": lambda: F.relu(x),
             "n": lambda: normed(p, x, f"norm{count[kind]}"), "l": lambda: F.leaky_relu(x, 0.2),
             "m": lambda: F.max_pool2d(x, 2), "u": lambda: double(x),
             "f": lambda: dense(p, x.flatten(1), "dense1", 1)}[kind]()
    return x


def eye(p, x):
    """The narrow VGG's features behind their heads."""
    mean, std = (torch.tensor(v).double()[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    x, maps = (x - mean) / std, []
    for b, (c, depth) in enumerate([(4, 2), (6, 2), (8, 4)], 1):
        x = F.max_pool2d(x, 2) if b > 1 else x
        for i in range(1, depth + 1):
            x = F.relu(plain_conv(p, x, f"conv{b}_{i}", c, 3))
            if i % 2 == 0:
                maps.append(plain_conv(p, x, f"head{len(maps) + 1}", (64, 128, 256, 256)[len(maps)], 1))
    return maps


def grams(p, x):
    found = []
    for scale in range(3):
        for f in eye(p, F.avg_pool2d(x, 2 ** scale)):
            f = f.flatten(2)
            found.append(f @ f.transpose(1, 2) / (f.shape[1] * f.shape[2]))
    return found


def lately(now, name):
    """A quarter of what was before."""
    before = (0.2 * noise(f"paintings.{name}", (1, *now.shape))[0]).to(torch.float32).to(torch.float64)
    return (0.75 * now + 0.25 * before).detach()


def palette(x):
    x = x.permute(1, 0, 2, 3).flatten(1)
    return x.mean(1), torch.cov(x, correction=0)


def palette_loss(x, y):
    """Of each picture, against that of all paintings."""
    mean, covariance = palette(y)
    numbers = lately(torch.cat([mean, covariance.flatten(), covariance.trace()[None] / 3]), "palette")
    mean, covariance, variance = numbers[:3], numbers[3:12].reshape(3, 3), numbers[12]
    upper = torch.tensor([[1, 1, 0], [0, 1, 1], [1, 0, 1]])  # of each pair of colours one number counts
    covariance = covariance * upper + (covariance * upper).T * (1 - upper)
    found = [palette(one[None]) for one in x]
    return torch.stack([((m - mean) ** 2).mean() / variance + ((c - covariance) ** 2).mean() / variance ** 2
                        for m, c in found]).mean()


def whitened(x, axes):
    mean, deviation = x.mean(axes, keepdim=True), torch.sqrt(x.var(axes, unbiased=False, keepdim=True) + 1e-5)
    return (x - mean) / deviation, mean, deviation


def by_moments(content, style):
    _, mean, deviation = whitened(style, (0, 2, 3))
    return whitened(content, (2, 3))[0] * deviation + mean


def by_attention(content, style):
    def places(x):
        return x.permute(1, 0, 2, 3).flatten(1)

    keys, values = F.normalize(places(whitened(style, (0, 2, 3))[0]), dim=0), places(style)
    queries = F.normalize(whitened(content, (2, 3))[0].flatten(2), dim=1)
    return torch.stack([values @ torch.softmax(q.T @ keys / 0.05, 1).T for q in queries]).reshape(content.shape)


def pair(p, reads, generator, judge, fuse, label, edges):
    """Weights are those of test_translate.c."""
    x, y = pictures()
    e = within(p, "frozen.eye.")
    drawn = layers(within(p, "translator.painting."), F.avg_pool2d(x, reads) * 2 - 1, generator)
    drawn = torch.tanh(drawn) / 2 + 0.5
    shown = [y, drawn] + ([smooth_edges(y)] if edges else [])
    scores = layers(within(p, "judge.painting."), torch.cat(shown) * 2 - 1, judge).chunk(len(shown))
    real = F.softplus(-scores[0]).mean() * label + F.softplus(scores[0]).mean() * (1 - label)
    l_judge = real + F.softplus(scores[1]).mean()
    if edges:
        l_judge = l_judge + edges * (real + F.softplus(scores[2]).mean())
    style = 0
    for i, (found, wanted) in enumerate(zip(grams(e, drawn), grams(e, y))):
        wanted = lately(wanted.mean(0), f"gram.{i // 4}.{i % 4}")
        style = style + ((found - wanted) ** 2).mean() / (wanted ** 2).mean() / 12
    content = eye(e, x)[2]
    target = (0.6 * content + 0.4 * fuse(content, eye(e, y)[2])).detach()
    l_content = ((eye(e, drawn)[2] - target) ** 2).mean() / (target ** 2).mean()
    variation = (drawn.diff(dim=2) ** 2).mean() + (drawn.diff(dim=3) ** 2).mean()
    loss = 3 * style + 2 * l_content + 0.5 * palette_loss(drawn, y) + 0.7 * variation + 0.3 * F.softplus(-scores[1]).mean()
    return torch.stack([loss, l_judge])


def painter_gan(p):
    return pair(p, 1, "c4 r n c8 r n c16 r n c32 r n c3", "c4 r n c8 r n c16 r n f", by_moments, 0.9, 0)


def anime(p):
    return pair(p, 2, "c4 r n c8 r n u c4 r n c3", "c4 r n c8 r n l m c16 r n l m c1", by_attention, 1, 0.5)


def smoothed(p):
    """What smooth_edges makes of a picture; a parameter, so that there is a gradient to compare: it passes none."""
    return smooth_edges(next(pictures())) * p("factor.scale", 1, 1)


if __name__ == "__main__":
    print(json.dumps({f.__name__: reference(f) for f in (cyclegan, cut, smoothed, painter_gan, anime)}, indent=1))
