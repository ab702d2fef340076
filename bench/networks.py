#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks of the field with seeded random weights, built in PyTorch and written as ONNX files.

    networks.py list               name, input size and what it stands for, a line each
    networks.py export NAME FILE   writes the network with the input size of its row

They stand for what people run: each has the layers and sizes of its family, none has anyone's weights. Convolutions are
drawn so that signals keep their size through the depth, as in trained networks.
"""
import sys

import torch
from torch import nn
from torch.nn import functional as F


def conv(cin, cout, kernel=3, stride=1, groups=1, bias=True):
    return nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=bias)


class ReflectConv(nn.Module):
    """Reflection padding, then a convolution; optionally nearest upsampling before."""

    def __init__(self, cin, cout, kernel, stride=1, up=False):
        super().__init__()
        self.conv, self.pad, self.up = nn.Conv2d(cin, cout, kernel, stride), kernel // 2, up

    def forward(self, x):
        if self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        return self.conv(F.pad(x, (self.pad,) * 4, mode="reflect"))


class Residual(nn.Module):
    def __init__(self, *body):
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x):
        return x + self.body(x)


def instance(c, affine=True):
    return nn.InstanceNorm2d(c, affine=affine)


def johnson():
    """Johnson et al. 2016, with instance normalisation and nearest upsampling; 1.68 M parameters."""
    layers = []
    for c in (ReflectConv(3, 32, 9), ReflectConv(32, 64, 3, 2), ReflectConv(64, 128, 3, 2)):
        layers += [c, instance(c.conv.out_channels), nn.ReLU()]
    for _ in range(5):
        layers.append(Residual(ReflectConv(128, 128, 3), instance(128), nn.ReLU(), ReflectConv(128, 128, 3), instance(128)))
    for c in (ReflectConv(128, 64, 3, up=True), ReflectConv(64, 32, 3, up=True)):
        layers += [c, instance(c.conv.out_channels), nn.ReLU()]
    return nn.Sequential(*layers, ReflectConv(32, 3, 9))


def cyclegan():
    """CycleGAN's generator (Zhu et al. 2017): nine residual blocks, transposed convolutions."""
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, 64, 7), instance(64, False), nn.ReLU()]
    for c in (64, 128):
        layers += [conv(c, 2 * c, 3, 2), instance(2 * c, False), nn.ReLU()]
    for _ in range(9):
        half = lambda: [nn.ReflectionPad2d(1), nn.Conv2d(256, 256, 3), instance(256, False)]
        layers.append(Residual(*half(), nn.ReLU(), *half()))
    for c in (256, 128):
        layers += [nn.ConvTranspose2d(c, c // 2, 3, 2, 1, 1), instance(c // 2, False), nn.ReLU()]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(64, 3, 7), nn.Tanh())


class Unet(nn.Module):
    """U-Net (Ronneberger et al. 2015) with batch normalisation and padding, four levels."""

    def __init__(self, width=32, levels=4):
        super().__init__()
        double = lambda i, o: nn.Sequential(conv(i, o), nn.BatchNorm2d(o), nn.ReLU(), conv(o, o), nn.BatchNorm2d(o), nn.ReLU())
        widths = [width << i for i in range(levels + 1)]
        self.down = nn.ModuleList(double(i, o) for i, o in zip([3] + widths[:-1], widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * c, c, 2, 2) for c in widths[-2::-1])
        self.merge = nn.ModuleList(double(2 * c, c) for c in widths[-2::-1])
        self.out = nn.Conv2d(width, 3, 1)

    def forward(self, x):
        kept = []
        for i, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if i else x)
            kept.append(x)
        for up, merge, skip in zip(self.up, self.merge, kept[-2::-1]):
            x = merge(torch.cat([skip, up(x)], 1))
        return self.out(x)


class Dense(nn.Module):
    """The residual dense block of ESRGAN: every convolution sees all before it."""

    def __init__(self, width, growth):
        super().__init__()
        self.convs = nn.ModuleList(conv(width + i * growth, growth if i < 4 else width) for i in range(5))

    def forward(self, x):
        seen = [x]
        for c in self.convs[:4]:
            seen.append(F.leaky_relu(c(torch.cat(seen, 1)), 0.2))
        return x + 0.2 * self.convs[4](torch.cat(seen, 1))


class Rrdb(nn.Module):
    """ESRGAN (Wang et al. 2018) with six of its 23 blocks; four times larger."""

    def __init__(self, width=64, blocks=6):
        super().__init__()
        self.first, self.last = conv(3, width), conv(width, 3)
        self.blocks = nn.ModuleList(nn.Sequential(*(Dense(width, 32) for _ in range(3))) for _ in range(blocks))
        self.body, self.up1, self.up2, self.hr = (conv(width, width) for _ in range(4))

    def forward(self, x):
        first = x = self.first(x)
        for block in self.blocks:
            x = x + 0.2 * block(x)
        x = first + self.body(x)
        for up in (self.up1, self.up2):
            x = F.leaky_relu(up(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        return self.last(F.leaky_relu(self.hr(x), 0.2))


class Compact(nn.Module):
    """The compact network of Real-ESRGAN for video: 16 convolutions with PReLU, pixel shuffle, on top of the enlarged picture."""

    def __init__(self, width=64, depth=16, scale=4):
        super().__init__()
        body = [conv(3, width), nn.PReLU(width)]
        for _ in range(depth):
            body += [conv(width, width), nn.PReLU(width)]
        self.body, self.scale = nn.Sequential(*body, conv(width, 3 * scale * scale), nn.PixelShuffle(scale)), scale

    def forward(self, x):
        return self.body(x) + F.interpolate(x, scale_factor=self.scale, mode="nearest")


def fsrcnn():
    """FSRCNN (Dong et al. 2016): shrink, map, expand, one transposed convolution; luminance, three times larger."""
    layers = [conv(1, 56, 5), nn.PReLU(56), conv(56, 12, 1), nn.PReLU(12)]
    for _ in range(4):
        layers += [conv(12, 12), nn.PReLU(12)]
    return nn.Sequential(*layers, conv(12, 56, 1), nn.PReLU(56), nn.ConvTranspose2d(56, 1, 9, 3, 4, 2))


def espcn():
    """ESPCN (Shi et al. 2016): three convolutions, pixel shuffle; luminance, three times larger."""
    return nn.Sequential(conv(1, 64, 5), nn.Tanh(), conv(64, 32), nn.Tanh(), conv(32, 9), nn.PixelShuffle(3))


def inverted(cin, cout, stride=1, expand=4):
    """MobileNet v2's block: widen, depthwise, narrow."""
    c = cin * expand
    body = [conv(cin, c, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU6(), conv(c, c, 3, stride, c, bias=False),
            nn.BatchNorm2d(c), nn.ReLU6(), conv(c, cout, 1, bias=False), nn.BatchNorm2d(cout)]
    return Residual(*body) if stride == 1 and cin == cout else nn.Sequential(*body)


def mobile():
    """A generator for telephones: MobileNet v2 blocks (Sandler et al. 2018) down and up, bilinear."""
    up = lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    layers = [conv(3, 32, 3, 2), nn.BatchNorm2d(32), nn.ReLU6(), inverted(32, 48, 2)]
    layers += [inverted(48, 48) for _ in range(6)]
    return nn.Sequential(*layers, up(), inverted(48, 32), up(), conv(32, 16), nn.ReLU6(), conv(16, 3), nn.Sigmoid())


class Attention(nn.Module):
    """A transformer block over the pixels of a feature map: layer normalisation, four heads, a gelu."""

    def __init__(self, c=64, heads=4):
        super().__init__()
        self.heads, self.norm1, self.norm2 = heads, nn.LayerNorm(c), nn.LayerNorm(c)
        self.qkv, self.out = nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.mlp = nn.Sequential(nn.Linear(c, 2 * c), nn.GELU(), nn.Linear(2 * c, c))

    def forward(self, x):
        n, c, h, w = x.shape
        t = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm1(t)).reshape(n, h * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        a = torch.softmax(q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5, -1) @ v
        t = t + self.out(a.transpose(1, 2).reshape(n, h * w, c))
        t = t + self.mlp(self.norm2(t))
        return t.transpose(1, 2).reshape(n, c, h, w)


def attention():
    """Convolutions around four transformer blocks at an eighth of the size."""
    down = [conv(3, 32, 3, 2), nn.ReLU(), conv(32, 64, 3, 2), nn.ReLU(), conv(64, 64, 3, 2), nn.ReLU()]
    return nn.Sequential(*down, *(Attention() for _ in range(4)), conv(64, 3 * 64), nn.PixelShuffle(8))


# name: builder, input channels, height, width, opset
NETWORKS = {
    "johnson-512": (johnson, 3, 512, 512, 13),
    "johnson-1024": (johnson, 3, 1024, 1024, 13),
    "cyclegan-256": (cyclegan, 3, 256, 256, 11),
    "unet-256": (Unet, 3, 256, 256, 12),
    "rrdb-128": (Rrdb, 3, 128, 128, 14),
    "compact-256": (Compact, 3, 256, 256, 16),
    "fsrcnn-256": (fsrcnn, 1, 256, 256, 9),
    "espcn-256": (espcn, 1, 256, 256, 11),
    "mobile-512": (mobile, 3, 512, 512, 13),
    "attention-256": (attention, 3, 256, 256, 17),
}


def build(name):
    """The network in evaluation mode: weights are a function of its name's row, signals keep their size."""
    torch.manual_seed(1)
    net = NETWORKS[name][0]()
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight, mode="fan_in" if isinstance(module, nn.Conv2d) else "fan_out", a=0.5)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


def shape(name):
    return (1,) + NETWORKS[name][1:4]


def export(name, path):
    torch.onnx.export(build(name), torch.rand(shape(name)), path, opset_version=NETWORKS[name][4], input_names=["input"],
                      output_names=["output"])


if __name__ == "__main__":
    if sys.argv[1:] == ["list"]:
        for name, row in NETWORKS.items():
            print(f"{name:14} {'x'.join(map(str, row[1:4])):12} {row[0].__doc__.strip().splitlines()[0]}")
    elif len(sys.argv) == 4 and sys.argv[1] == "export":
        export(*sys.argv[2:])
    else:
        sys.exit(__doc__)
