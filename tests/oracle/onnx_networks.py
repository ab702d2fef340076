#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Networks of the field, written and exported by PyTorch, run by impasto: the outputs must agree.

    onnx_networks.py IMPASTO [NAME...]

Weights are random from a fixed seed. Each network is exported at several opsets, with fixed and with open axes, and run at the
size it was traced at; with open axes at another one, too. The largest difference must be within 1e-3 of the largest value.
Exits with 77 ("skipped") without PyTorch.
"""
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

warnings.simplefilter("ignore")
NETWORKS = {}


def network(shape, other=None, opsets=(9, 11, 13, 17), low=0.0):
    """Registers a network: the traced input shape, another one for open axes (None: none), opsets, least input value."""
    def register(build):
        NETWORKS[build.__name__] = (build, shape, other, opsets, low)
        return build
    return register


def conv(i, o, k=3, s=1, **more):
    return nn.Conv2d(i, o, k, s, k // 2, **more)


class Seq(nn.Sequential):
    pass


# --- Style transfer: reflection padding, instance norm, residuals, nearest upsampling


class Residual(nn.Module):
    def __init__(self, c, norm=nn.InstanceNorm2d, act=nn.ReLU):
        super().__init__()
        self.body = Seq(nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), norm(c), act(), nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), norm(c))

    def forward(self, x):
        return x + self.body(x)


@network((1, 3, 32, 40), (1, 3, 48, 36))
def johnson():
    def norm(c):
        return nn.InstanceNorm2d(c, affine=True)
    return Seq(nn.ReflectionPad2d(4), nn.Conv2d(3, 8, 9), norm(8), nn.ReLU(), nn.ReflectionPad2d(1), nn.Conv2d(8, 16, 3, 2), norm(16), nn.ReLU(),
               Residual(16, norm), nn.Upsample(scale_factor=2, mode="nearest"), nn.ReflectionPad2d(1), nn.Conv2d(16, 8, 3), norm(8), nn.ReLU(),
               nn.ReflectionPad2d(4), nn.Conv2d(8, 3, 9))


@network((1, 3, 32, 32), (1, 3, 40, 48))
def cyclegan():
    return Seq(nn.ReflectionPad2d(3), nn.Conv2d(3, 8, 7), nn.InstanceNorm2d(8), nn.ReLU(True), nn.Conv2d(8, 16, 3, 2, 1), nn.InstanceNorm2d(16), nn.ReLU(True),
               Residual(16), nn.ConvTranspose2d(16, 8, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(8), nn.ReLU(True), nn.ReflectionPad2d(3), nn.Conv2d(8, 3, 7), nn.Tanh())


# --- U-Nets: sizes that do not halve evenly, padded, resized or cropped to the skip


class Up(nn.Module):
    def __init__(self, i, o, how):
        super().__init__()
        self.how = how
        self.up = nn.ConvTranspose2d(i, i // 2, 2, 2) if how == "transpose" else nn.Conv2d(i, i // 2, 1)
        self.body = Seq(conv(i, o, bias=False), nn.BatchNorm2d(o), nn.ReLU())

    def forward(self, x, skip):
        if self.how == "transpose":
            x = self.up(x)
            dy, dx = skip.size(2) - x.size(2), skip.size(3) - x.size(3)
            x = F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        elif self.how == "bilinear":
            x = F.interpolate(self.up(x), size=skip.shape[2:], mode="bilinear", align_corners=True)
        else:
            x = F.interpolate(self.up(x), scale_factor=2, mode="nearest")
            h, w = min(x.shape[2], skip.shape[2]), min(x.shape[3], skip.shape[3])
            x, skip = x[:, :, :h, :w], skip[:, :, :h, :w]
        return self.body(torch.cat([skip, x], 1))


class UNet(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.a, self.b, self.c = conv(3, 8), conv(8, 16), conv(16, 32)
        self.u1, self.u2, self.end = Up(32, 16, how), Up(16, 8, how), nn.Conv2d(8, 3, 1)

    def forward(self, x):
        a = F.leaky_relu(self.a(x), 0.2)
        b = F.relu(self.b(F.max_pool2d(a, 2)))
        c = F.elu(self.c(F.avg_pool2d(b, 2)))
        return torch.sigmoid(self.end(self.u2(self.u1(c, b), a)))


@network((1, 3, 37, 45), (1, 3, 50, 39))
def unet_transpose():
    return UNet("transpose")


@network((1, 3, 36, 44), (1, 3, 50, 39), opsets=(11, 13, 17))
def unet_bilinear():
    return UNet("bilinear")


@network((1, 3, 36, 44), (1, 3, 52, 40))
def unet_crop():
    return UNet("crop")


class PadToMultiple(nn.Module):
    """What restoration networks do around themselves."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 16, 4, 4), nn.ConvTranspose2d(16, 3, 4, 4)

    def forward(self, x):
        h, w = x.shape[2:]
        x = F.pad(x, (0, (8 - w % 8) % 8, 0, (8 - h % 8) % 8), mode="reflect")
        return self.up(F.gelu(self.down(x)))[:, :, :h, :w] + x[..., :h, :w]


@network((1, 3, 29, 35), (1, 3, 40, 50), opsets=(11, 13, 17))
def pad_to_multiple():
    return PadToMultiple()


# --- Super-resolution


class Dense(nn.Module):
    def __init__(self, c=8, g=4):
        super().__init__()
        self.convs = nn.ModuleList(conv(c + i * g, g if i < 4 else c) for i in range(5))

    def forward(self, x):
        features = [x]
        for layer in self.convs[:-1]:
            features.append(F.leaky_relu(layer(torch.cat(features, 1)), 0.2))
        return self.convs[-1](torch.cat(features, 1)) * 0.2 + x


class RRDB(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.body, self.after = conv(3, 8), Seq(Dense(), Dense(), Dense()), conv(8, 8)
        self.up1, self.up2, self.hr, self.last = conv(8, 8), conv(8, 8), conv(8, 8), conv(8, 3)

    def forward(self, x):
        x = self.first(x)
        x = x + self.after(self.body(x) * 0.2 + x)
        x = F.leaky_relu(self.up1(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        x = F.leaky_relu(self.up2(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        return self.last(F.leaky_relu(self.hr(x), 0.2))


@network((1, 3, 20, 24), (1, 3, 17, 31))
def rrdb():
    return RRDB()


class Compact(nn.Module):
    """SRVGG: PReLU, pixel shuffle, the picture added nearest-upsampled."""

    def __init__(self):
        super().__init__()
        self.body = Seq(conv(3, 16), nn.PReLU(16), conv(16, 16), nn.PReLU(16), conv(16, 48))
        self.shuffle = nn.PixelShuffle(4)

    def forward(self, x):
        return self.shuffle(self.body(x)) + F.interpolate(x, scale_factor=4, mode="nearest")


@network((1, 3, 20, 24), (2, 3, 17, 31), low=-1)
def compact():
    return Compact()


class ChannelAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = Seq(conv(c, c), nn.ReLU(), conv(c, c))
        self.gate = Seq(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c // 4, 1), nn.ReLU(), nn.Conv2d(c // 4, c, 1), nn.Sigmoid())

    def forward(self, x):
        y = self.body(x)
        return x + y * self.gate(y)


class Bicubic(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1))
        self.body = Seq(conv(3, 16), ChannelAttention(16), conv(16, 12), nn.PixelShuffle(2))

    def forward(self, x):
        x = (x - self.mean) * 255.0
        y = self.body(x) + F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
        return torch.clamp(y / 255.0 + self.mean, 0, 1)


@network((1, 3, 20, 24), (1, 3, 33, 18), opsets=(11, 13, 17))
def rcan_bicubic():
    return Bicubic()


class Unshuffle(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = conv(13, 16), conv(16, 12)

    def forward(self, x):
        n, c, h, w = x.shape
        noise = torch.full((n, 1, h // 2, w // 2), 0.1)
        y = torch.cat([F.pixel_unshuffle(x, 2), noise], 1)
        return F.pixel_shuffle(self.b(F.relu(self.a(y))), 2)


@network((1, 3, 20, 24), (1, 3, 34, 18))
def ffdnet():
    return Unshuffle()


# --- Attention and windows


class Attention(nn.Module):
    def __init__(self, c=32, heads=4):
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.project = nn.LayerNorm(c), nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.mlp = Seq(nn.LayerNorm(c), nn.Linear(c, 2 * c), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * c, c))

    def forward(self, x):
        b, n, c = x.shape
        qkv = self.qkv(self.norm(x)).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        a = (q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5).softmax(dim=-1)
        x = x + self.project((a @ v).transpose(1, 2).reshape(b, n, c))
        return x + self.mlp(x)


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.block, self.out = nn.Conv2d(3, 32, 4, 4), Attention(), nn.ConvTranspose2d(32, 3, 4, 4)

    def forward(self, x):
        x = self.embed(x)
        h, w = x.shape[2:]
        y = self.block(x.flatten(2).transpose(1, 2))
        return self.out(y.transpose(1, 2).reshape(x.shape[0], -1, h, w))


@network((1, 3, 16, 24), (2, 3, 20, 12))
def vit():
    return ViT()


class Windows(nn.Module):
    """Swin: shifted windows, a mask, relative position bias by index."""

    def __init__(self, c=16, size=4):
        super().__init__()
        self.size = size
        self.embed, self.block, self.out = conv(3, c), Attention(c, 2), conv(c, 3)
        self.bias = nn.Parameter(torch.randn(7 * 7, 2))
        at = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")).flatten(1)
        relative = at[:, :, None] - at[:, None, :] + size - 1
        self.register_buffer("index", relative[0] * 7 + relative[1])

    def forward(self, x):
        s = self.size
        x = self.embed(x)
        b, c, h, w = x.shape
        y = torch.roll(x, (-2, -2), (2, 3)).permute(0, 2, 3, 1)
        y = y.view(b, h // s, s, w // s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, s * s, c)
        y = self.block(y) + self.bias[self.index.view(-1)].view(s * s, s * s, 2).mean(2).sum(1).view(1, -1, 1)
        y = y.view(b, h // s, w // s, s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        return self.out(torch.roll(y, (2, 2), (1, 2)).permute(0, 3, 1, 2))


@network((1, 3, 16, 24), (1, 3, 20, 12))
def swin():
    return Windows()


class NonLocal(nn.Module):
    """Attention over pixels as in SAGAN, and over channels as in Restormer, in einsum."""

    def __init__(self, c=16):
        super().__init__()
        self.first, self.q, self.k, self.v = conv(3, c), nn.Conv2d(c, 4, 1), nn.Conv2d(c, 4, 1), nn.Conv2d(c, c, 1)
        self.gamma, self.temperature, self.last = nn.Parameter(torch.tensor(0.5)), nn.Parameter(torch.ones(2, 1, 1)), conv(c, 3)

    def forward(self, x):
        x = self.first(x)
        n, c, h, w = x.shape
        q, k, v = self.q(x).view(n, -1, h * w), self.k(x).view(n, -1, h * w), self.v(x).view(n, -1, h * w)
        a = torch.softmax(torch.bmm(q.permute(0, 2, 1), k), -1)
        x = self.gamma * torch.bmm(v, a.permute(0, 2, 1)).view(n, c, h, w) + x
        y = F.normalize(x.view(n, 2, c // 2, h * w), dim=-1)
        b = torch.softmax(torch.einsum("nhcd,nhed->nhce", y, y) * self.temperature, -1)
        return self.last(torch.einsum("nhce,nhed->nhcd", b, x.view(n, 2, c // 2, h * w)).reshape(n, c, h, w))


@network((1, 3, 12, 16), (1, 3, 10, 18), opsets=(12, 13, 17))
def nonlocal_block():
    return NonLocal()


# --- Mobile: depthwise, hard swish, squeeze and excitation, channel shuffle, group norm


class Mobile(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = Seq(conv(3, 16, s=2, bias=False), nn.BatchNorm2d(16), nn.Hardswish())
        self.b = Seq(conv(16, 16, groups=16, bias=False), nn.BatchNorm2d(16), nn.ReLU6(), nn.Conv2d(16, 24, 1), nn.GroupNorm(4, 24), nn.SiLU())
        self.se = Seq(nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 8, 1), nn.ReLU(), nn.Conv2d(8, 24, 1), nn.Hardsigmoid())
        self.c = nn.Conv2d(24, 24, 3, padding=2, dilation=2, groups=3)
        self.d, self.e = nn.Conv2d(12, 12, 5, padding=2, groups=12), conv(24, 3)

    def forward(self, x):
        x = self.b(self.a(x))
        x = x * self.se(x)
        n, c, h, w = x.shape
        x = self.c(x).view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        a, b = x.chunk(2, dim=1)
        x = torch.cat([a, F.mish(self.d(b))], 1)
        return self.e(F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False))


@network((1, 3, 32, 24), (2, 3, 48, 36), opsets=(11, 13, 17))
def mobile():
    return Mobile()


# --- Segmentation, enhancement, generators


class Pyramid(nn.Module):
    """PSP pooling, ASPP, argmax beside the logits."""

    def __init__(self):
        super().__init__()
        self.first = conv(3, 16, s=2)
        self.pools = nn.ModuleList(Seq(nn.AdaptiveAvgPool2d(k), nn.Conv2d(16, 4, 1)) for k in (1, 2, 4))
        self.rates = nn.ModuleList(nn.Conv2d(16, 8, 3, padding=r, dilation=r) for r in (1, 2, 4))
        self.last = nn.Conv2d(16 + 12 + 24, 5, 1)

    def forward(self, x):
        size = x.shape[2:]
        x = F.softplus(self.first(x))
        parts = [x] + [F.interpolate(p(x), size=x.shape[2:], mode="bilinear", align_corners=False) for p in self.pools] + [r(x) for r in self.rates]
        logits = F.interpolate(self.last(torch.cat(parts, 1)), size=size, mode="bilinear", align_corners=False)
        return logits, logits.argmax(1).float(), F.log_softmax(logits, 1)


@network((1, 3, 32, 48), opsets=(11, 13, 17))
def pyramid():
    return Pyramid()


class Curves(nn.Module):
    """Zero-DCE: split into curves, applied one after another."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = conv(3, 16), conv(16, 16), conv(32, 12)

    def forward(self, x):
        a = F.relu(self.a(x))
        curves = torch.tanh(self.c(torch.cat([a, F.relu(self.b(a))], 1)))
        for r in torch.split(curves, 3, dim=1):
            x = x + r * (x ** 2 - x)
        return x, torch.abs(x).mean(dim=(2, 3), keepdim=True), x.std(dim=1), x.norm(dim=1), x.amax((2, 3)), torch.var(x, dim=(2, 3), unbiased=False)


@network((1, 3, 20, 24), (2, 3, 26, 18))
def zero_dce():
    return Curves()


class AdaIN(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Seq(conv(3, 16), nn.ReLU(), nn.MaxPool2d(2, 2, ceil_mode=True), conv(16, 16)), Seq(conv(16, 16), nn.ReLU(), conv(16, 3))

    @staticmethod
    def statistics(f):
        n, c = f.size()[:2]
        variance = f.view(n, c, -1).var(dim=2) + 1e-5
        return f.view(n, c, -1).mean(dim=2).view(n, c, 1, 1), variance.sqrt().view(n, c, 1, 1)

    def forward(self, x):
        f = self.encoder(x)
        content, style = f, torch.flip(f, [2, 3]) * 2 + 0.5
        mean, deviation = self.statistics(content)
        other_mean, other_deviation = self.statistics(style)
        t = (content - mean.expand_as(f)) / deviation.expand_as(f) * other_deviation.expand_as(f) + other_mean.expand_as(f)
        return self.decoder(t)


@network((1, 3, 21, 26), (1, 3, 28, 19))
def adain():
    return AdaIN()


@network((2, 16, 1, 1), (3, 16, 1, 1), low=-1)
def dcgan():
    return Seq(nn.ConvTranspose2d(16, 32, 4, 1, 0, bias=False), nn.BatchNorm2d(32), nn.ReLU(True), nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False),
               nn.BatchNorm2d(16), nn.ReLU(True), nn.ConvTranspose2d(16, 3, 5, 2, 2, output_padding=1), nn.Tanh())


class Modulated(nn.Module):
    """StyleGAN2: weights made at run time, one group a picture; blur by a fixed filter; noise as a buffer."""

    def __init__(self):
        super().__init__()
        self.map = Seq(nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 8))
        self.start, self.weight = nn.Parameter(torch.randn(1, 8, 6, 6)), nn.Parameter(torch.randn(1, 12, 8, 3, 3))
        self.register_buffer("noise", torch.randn(1, 1, 6, 6))
        blur = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("blur", (blur[None] * blur[:, None] / 64)[None, None].repeat(12, 1, 1, 1))
        self.last = nn.Conv2d(12, 3, 1)

    def forward(self, z):
        z = z * torch.rsqrt(torch.mean(z ** 2, dim=1, keepdim=True) + 1e-8)
        s = self.map(z)
        n = s.shape[0]
        w = self.weight * (s.view(n, 1, 8, 1, 1) + 1)
        w = w * torch.rsqrt(w.pow(2).sum([2, 3, 4]) + 1e-8).view(n, 12, 1, 1, 1)
        x = self.start.repeat(n, 1, 1, 1).view(1, n * 8, 6, 6)
        x = F.conv2d(x, w.view(n * 12, 8, 3, 3), padding=1, groups=n).view(n, 12, 6, 6) + 0.1 * self.noise
        x = F.interpolate(F.leaky_relu(x, 0.2) * 2 ** 0.5, scale_factor=2, mode="bilinear", align_corners=False)
        return self.last(F.conv2d(F.pad(x, (2, 1, 2, 1)), self.blur, groups=12))


@network((1, 16), low=-1, opsets=(11, 13, 17))
def stylegan():
    return Modulated()


class Wavelet(nn.Module):
    """Strided slices there, assignment to slices back (a scatter)."""

    def __init__(self):
        super().__init__()
        self.body = conv(12, 12)

    def forward(self, x):
        a, b, c, d = x[:, :, 0::2, 0::2], x[:, :, 1::2, 0::2], x[:, :, 0::2, 1::2], x[:, :, 1::2, 1::2]
        low, up, left, right = self.body(torch.cat([a + b + c + d, -a - b + c + d, -a + b - c + d, a - b - c + d], 1) / 2).chunk(4, 1)
        y = torch.zeros(low.shape[0], low.shape[1], low.shape[2] * 2, low.shape[3] * 2)
        y[:, :, 0::2, 0::2] = low - up - left + right
        y[:, :, 1::2, 0::2] = low - up + left - right
        y[:, :, 0::2, 1::2] = low + up - left - right
        y[:, :, 1::2, 1::2] = low + up + left + right
        return y / 2


@network((1, 3, 12, 16), (1, 3, 20, 10), opsets=(11, 13, 17))
def wavelet():
    return Wavelet()


class Flow(nn.Module):
    """A warp by a flow of its own."""

    def __init__(self, mode, padding):
        super().__init__()
        self.flow, self.mode, self.padding = conv(3, 2), mode, padding

    def forward(self, x):
        n, c, h, w = x.shape
        flow = self.flow(x) * 3
        gy, gx = torch.meshgrid(torch.arange(0, h), torch.arange(0, w), indexing="ij")
        at = torch.stack((gx, gy), 2).float() + flow.permute(0, 2, 3, 1)
        grid = torch.stack((2.0 * at[..., 0] / max(w - 1, 1) - 1.0, 2.0 * at[..., 1] / max(h - 1, 1) - 1.0), dim=3)
        return F.grid_sample(x, grid, mode=self.mode, padding_mode=self.padding, align_corners=self.padding != "border")


@network((1, 3, 12, 16), (2, 3, 20, 10), opsets=(16, 17))
def warp_zeros():
    return Flow("bilinear", "zeros")


@network((1, 3, 12, 16), (2, 3, 20, 10), opsets=(16, 17))
def warp_border():
    return Flow("bicubic", "border")


@network((2, 3, 12, 16), (2, 3, 20, 10), opsets=(16, 17))
def warp_reflection():
    return Flow("bilinear", "reflection")


class Oddities(nn.Module):
    """Small things exporters write: where, masks, comparisons, clamps, norms, padding modes, a repeat, an unfold by hand."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)  # not circular: PyTorch 1.13 exports that wrongly
        self.b = nn.Conv2d(8, 8, (1, 5), padding=(0, 2), stride=(1, 1))
        self.c = nn.Conv2d(8, 8, 3, padding=1, padding_mode="replicate")
        self.scale = nn.Parameter(torch.rand(8) + 0.5)
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        x = F.selu(self.b(self.a(x)))
        x = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) * self.scale[:, None, None]
        mask = (x > 0.1) & (x < 2.0)
        x = torch.where(mask, x, torch.tanh(x) * 0.5)
        x = x.masked_fill(x.abs() < 0.01, 0.25)
        mean = x.mean([2, 3], keepdim=True)
        x = self.c((x - mean) / torch.sqrt(((x - mean) ** 2).mean([2, 3], keepdim=True) + 1e-5))
        x = torch.max(x, -x * 0.1) + torch.min(x, torch.zeros_like(x)) + F.hardtanh(x, -2, 2) + F.celu(x) - F.softsign(x) + F.logsigmoid(x)
        y = x.repeat(1, 2, 1, 1).unsqueeze(2).expand(-1, -1, 2, -1, -1).sum(2)
        patches = torch.stack([F.pad(y, (1, 1, 1, 1))[:, :, i:i + y.shape[2], j:j + y.shape[3]] for i in range(3) for j in range(3)], 2)
        return patches.max(dim=2)[0], torch.cumsum(x.mean(1), 1), x.flatten(1).prod(1) * 0, torch.floor(x * 3) / 3 + torch.remainder(x, 1.5), (x * 2).round()


@network((1, 3, 12, 16), (2, 3, 14, 10), opsets=(11, 13, 17))
def oddities():
    return Oddities()


class Volume(nn.Module):
    """One and three axes."""

    def __init__(self):
        super().__init__()
        self.line = Seq(nn.Conv1d(3, 8, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.ConvTranspose1d(8, 3, 4, 2, 1))
        self.box = Seq(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.AvgPool3d((1, 2, 2)), nn.Conv3d(4, 1, (3, 1, 1)))

    def forward(self, x):
        line = self.line(x.mean(2))
        return line, self.box(x.unsqueeze(1))


@network((1, 3, 12, 16), opsets=(11, 13, 17))
def volume():
    return Volume()


class Recurrent(nn.Module):
    """Heads of the size of the input: linear layers after pooling; a fixed loop; dropout; batch norm on vectors."""

    def __init__(self):
        super().__init__()
        self.body = Seq(conv(3, 8, s=2), nn.ReLU(), nn.AdaptiveMaxPool2d((4, 4)), nn.Flatten(), nn.Linear(128, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout())
        self.head = nn.Linear(32, 6)

    def forward(self, x):
        matrix = self.head(self.body(x)).view(-1, 3, 2)
        y = torch.einsum("nchw,ncd->ndhw", x, matrix)
        for _ in range(3):
            y = y * 0.5 + torch.sin(y) * torch.cos(y.mean()) + torch.exp(-y.abs()) + torch.atan(y)
        return y, torch.softmax(matrix.flatten(1), 1)


@network((2, 3, 16, 16), opsets=(12, 13, 17))
def heads():
    return Recurrent()


def reference(model, x):
    with torch.no_grad():
        y = model(x)
    return [v.numpy() for v in (y if isinstance(y, (tuple, list)) else [y])]


def compare(program, path, folder, x, wanted):
    """The largest difference relative to the largest value, over all outputs; or what impasto said."""
    source = os.path.join(folder, "x.npy")
    np.save(source, x.numpy())
    files = [os.path.join(folder, f"y{i}.npy") for i in range(len(wanted))]
    command = [program, "run", "--quiet", path, source]
    for i, file in enumerate(files):
        command += ["-o", f"y{i}={file}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip() or f"exit status {done.returncode}"
    worst = 0.0
    for file, want in zip(files, wanted):
        have = np.load(file)
        if have.shape != want.shape:
            return f"shape {have.shape}, wants {want.shape}"
        worst = max(worst, float(abs(have - want).max() / max(abs(want).max(), 1e-6)))
    return worst


def check(program, name):
    build, shape, other, opsets, low = NETWORKS[name]
    torch.manual_seed(1)
    model = build().eval()
    for module in model.modules():  # statistics as after training
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d)):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.uniform_(-0.2, 0.2)
    x = torch.rand(shape) * (1 - low) + low
    wanted = reference(model, x)
    names = [f"y{i}" for i in range(len(wanted))]
    failures = runs = 0
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for opset in opsets:
            for open_axes in ([False, True] if other else [False]):
                path = os.path.join(folder, f"{name}.onnx")
                axes = {"x": {i: f"axis{i}" for i in (0, 2, 3) if i < len(shape)}} if open_axes else None
                try:
                    torch.onnx.export(model, x, path, opset_version=opset, input_names=["x"], output_names=names, dynamic_axes=axes)
                except Exception as error:  # noqa: BLE001 - whatever PyTorch cannot write is not ours to read
                    print(f"  {name} opset {opset} open {open_axes}: PyTorch does not export it: {str(error).splitlines()[0][:90]}")
                    continue
                cases = [(x, wanted)]
                if open_axes:
                    x2 = torch.rand(other) * (1 - low) + low
                    cases.append((x2, reference(model, x2)))
                for given, want in cases:
                    result = compare(program, path, folder, given, want)
                    runs += 1
                    if isinstance(result, str) or not result <= 1e-3:
                        failures += 1
                        print(f"  {name} opset {opset} open {open_axes} {tuple(given.shape)}: {result}")
                    else:
                        worst = max(worst, result)
    print(f"{'FAILED' if failures else 'ok    '} {name}: {runs - failures} of {runs} runs, largest difference {worst:.1e}", flush=True)
    return failures


def main():
    program = sys.argv[1]
    names = sys.argv[2:] or list(NETWORKS)
    torch.set_num_threads(1)
    return min(sum(check(program, name) for name in names), 1)


sys.exit(main())
