#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference numbers of padding, resampling and pixel shuffling from PyTorch, for tests/test_spatial.c.

Both sides compute the input: x[i] = (37 i mod 101) / 101. Adjoints come from PyTorch's backward pass.

    python3 tests/oracle/spatial.py > tests/oracle/spatial.json
"""
import json

import torch
import torch.nn.functional as F


def ramp(shape):
    n = torch.Size(shape).numel()
    return ((torch.arange(n, dtype=torch.float64) * 37) % 101 / 101).reshape(shape)


def case(op, attrs, y, shape):
    return {"op": op, "attrs": attrs, "shape": list(shape), "result": list(y.shape), "values": y.flatten().tolist()}


def pair(cases, name, attrs, f, shape):
    """f at a ramp of @shape, and its adjoint NAME_back at a ramp of the result's shape."""
    x = ramp(shape).requires_grad_()
    y = f(x)
    cases.append(case(name, attrs, y.detach(), shape))
    dx, = torch.autograd.grad(y, x, ramp(y.shape))
    cases.append(case(name + "_back", attrs, dx, y.shape))


def main():
    cases = []
    for mode, torch_mode in (("zero", "constant"), ("reflect", "reflect"), ("replicate", "replicate"),
                             ("circular", "circular")):
        attrs = {"pad": "1,2,3,0", "mode": mode}  # top, left, bottom, right
        pair(cases, "pad", attrs, lambda x: F.pad(x, (2, 0, 1, 3), torch_mode), (1, 2, 4, 3))
    for factor in (2, 3):
        pair(cases, "upsample_nearest", {"factor": str(factor)},
             lambda x: F.interpolate(x, scale_factor=factor, mode="nearest"), (2, 2, 2, 3))
    for shape, size in (((1, 2, 4, 3), (8, 6)), ((1, 1, 4, 5), (7, 3)), ((1, 2, 6, 7), (2, 3)), ((1, 1, 1, 3), (4, 1))):
        step = [shape[2] / size[0], shape[3] / size[1]]
        attrs = {"kernel": "linear", "size": "%d,%d" % size, "extent": "%d,%d" % shape[2:]}
        attrs.update({f"{name}-{axis}": repr(value) for axis, s in zip("hw", step)
                      for name, value in (("start", s / 2 - 0.5), ("step", s))})
        pair(cases, "resize", attrs, lambda x: F.interpolate(x, size=size, mode="bilinear", align_corners=False), shape)
    x = ramp((2, 8, 2, 3))
    cases.append(case("depth_to_space", {"block": "2"}, F.pixel_shuffle(x, 2), x.shape))
    x = ramp((2, 2, 4, 6))
    cases.append(case("space_to_depth", {"block": "2"}, F.pixel_unshuffle(x, 2), x.shape))
    print(json.dumps(cases).replace('{"op"', '\n{"op"'))


if __name__ == "__main__":
    main()
