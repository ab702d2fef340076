#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many gradients other methods need for the functions of tests/test_lbfgs.c: conjugate gradients for the quadratics
(exact line search, the best that any method of this kind can do), BFGS with the whole matrix for Rosenbrock's.

    python3 tests/oracle/lbfgs.py
"""
import numpy as np


def rosenbrock(x):
    a, b = x[:-1], x[1:]
    value = np.sum(100 * (b - a * a) ** 2 + (1 - a) ** 2)
    g = np.zeros_like(x)
    g[:-1] += -400 * a * (b - a * a) - 2 * (1 - a)
    g[1:] += 200 * (b - a * a)
    return value, g


def bfgs(x, target):
    """Gradients of Rosenbrock's until the value is at most @target."""
    n, (f, g), count = len(x), rosenbrock(x), 1
    h = np.eye(n) / np.linalg.norm(g)
    while f > target:
        d, t = -h @ g, 1.0
        while True:
            f1, g1 = rosenbrock(x + t * d)
            count += 1
            if f1 <= f + 1e-4 * t * (g @ d):
                break
            t /= 2
        s, y = t * d, g1 - g
        x, f, g = x + s, f1, g1
        if s @ y > 0:
            r = 1 / (s @ y)
            v = np.eye(n) - r * np.outer(y, s)
            h = v.T @ h @ v + r * np.outer(s, s)
    return count


def conjugate_gradients(spread, target, n=1000):
    i = np.arange(n)
    k = spread ** (i / (n - 1))
    x, centre = np.zeros(n), (i % 7 - 3) / 3
    r = k * (centre - x)
    d, count = r.copy(), 1
    while 0.5 * np.sum(k * (x - centre) ** 2) > target:
        a = r @ r / (d @ (k * d))
        x = x + a * d
        fresh = r - a * k * d
        d = fresh + (fresh @ fresh) / (r @ r) * d
        r, count = fresh, count + 1
    return count


print("rosenbrock 2:", bfgs(np.array([-1.2, 1.0]), 1e-6))
print("rosenbrock 100:", bfgs(np.tile([-1.2, 1.0], 50), 1e-3))
print("quadratic 1e2:", conjugate_gradients(1e2, 1e-4))
print("quadratic 1e5:", conjugate_gradients(1e5, 1e-2))
