#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference numbers of the figures of sample sets from NumPy and SciPy, for tests/test_fidelity.c.

Both sides compute the features from name and size (a multiplicative hash, as in tests/oracle/noise.py); the file holds
sizes and figures. Formulas as their papers have them.

    python3 tests/oracle/fidelity.py > tests/oracle/fidelity.json      (Debian: python3-numpy, python3-scipy)
"""
import json

import numpy as np
import scipy.linalg

from noise import noise


def features(name, n, d, scale, shift):
    """Correlated: each feature has a share of another's noise."""
    x = noise(name, (n, d))
    return (scale * (x + 0.7 * x[:, (3 * np.arange(d) + 1) % d]) + shift).astype(np.float32).astype(np.float64)


def frechet(x, y):
    """With A and B the centred rows over sqrt (n - 1), tr (S S')^(1/2) is the sum of the singular values of A B'. SciPy's square
    root of a matrix, the usual way, must agree where the covariances have full rank; it is no good for others."""
    a, b = (x - x.mean(0)) / np.sqrt(len(x) - 1), (y - y.mean(0)) / np.sqrt(len(y) - 1)
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    if min(len(x), len(y)) > x.shape[1]:
        s, t = (np.atleast_2d(np.cov(z, rowvar=False)) for z in (x, y))
        assert abs(np.trace(scipy.linalg.sqrtm(s @ t)).real - root) < 1e-9 * root
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.sum(a**2) + np.sum(b**2) - 2 * root


def kernel(x, y):
    k = lambda a, b: (a @ b.T / a.shape[1] + 1) ** 3
    xx, yy, xy = k(x, x), k(y, y), k(x, y)
    n, m = len(x), len(y)
    return (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * xy.mean()


def distances(x, y):
    return np.sqrt(((x[:, None, :] - y[None, :, :]) ** 2).sum(-1))


def share(balls, points, k):
    radii = np.sort(distances(balls, balls), axis=1)[:, k]
    return float((distances(points, balls) <= radii).any(1).mean())


def memorisation(x, y):
    inner = np.sort(distances(x, x), axis=1)[:, 1]
    outer = distances(y, x).min(1)
    limit = np.sort(inner)[len(x) // 100]
    return [float(np.median(outer)), float(np.median(inner)), float((outer < limit).mean())]


cases = []
for n, m, d, scale, shift, copies in [
    (200, 150, 1, 1.0, 0.2, 0),
    (300, 300, 12, 1.0, 0.0, 0),
    (400, 250, 12, 1.5, 0.3, 40),
    (50, 80, 64, 0.6, 0.1, 5),  # covariances of less than full rank
    (20, 30, 100, 1.0, 0.0, 1),
    (500, 500, 48, 0.3, 0.0, 0),  # as when a generator collapses
]:
    x = features("real", n, d, 1.0, 0.0)
    y = features("fake", m, d, scale, shift)
    y[:copies] = x[5 : 5 + copies]
    cases.append(
        {
            "n": n, "m": m, "d": d, "scale": scale, "shift": shift, "copies": copies,
            "frechet": float(frechet(x, y)),
            "kernel": float(kernel(x, y)),
            "precision": share(x, y, 3),
            "recall": share(y, x, 3),
            "memorisation": memorisation(x, y),
            "nearest": [int(i) for i in distances(y, x).argmin(1)[:8]],
        }
    )  # fmt: skip
print(json.dumps(cases, indent=1))
