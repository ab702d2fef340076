#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference numbers of picture metrics from scikit-image, for tests/test_metrics.c.

Both sides compute the pictures from their name and size (a multiplicative hash, as in tests/oracle/noise.py); the file
holds sizes and figures. The luma is taken here, since scikit-image's own grey is that of another standard.

    python3 tests/oracle/metrics.py > tests/oracle/metrics.json      (Debian: python3-skimage)
"""
import json

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from noise import noise


def pictures(width, height, amount):
    """Bands of colour with some noise; and the same with @amount more noise and a little darker."""
    y, x = np.mgrid[0:height, 0:width]
    bands = np.stack([(x * 7 + y * (3 + c)) % 64 / 64.0 for c in range(3)])
    a = 0.1 + 0.7 * bands + 0.1 * noise("first", (3, height, width))
    b = 0.95 * a + amount * noise("second", (3, height, width))
    return a.astype(np.float32).astype(np.float64), b.astype(np.float32).astype(np.float64)


def figures(width, height, amount):
    a, b = pictures(width, height, amount)
    luma = np.array([0.299, 0.587, 0.114])[:, None, None]
    return {
        "width": width, "height": height, "amount": amount,
        "psnr": float(peak_signal_noise_ratio(a, b, data_range=1)),
        "ssim": float(structural_similarity((a * luma).sum(0), (b * luma).sum(0), gaussian_weights=True, sigma=1.5,
                                            use_sample_covariance=False, data_range=1)),
        "mean": float(np.abs(a - b).mean()), "most": float(np.abs(a - b).max()),
        "palette": float(np.sqrt(((a.mean((1, 2)) - b.mean((1, 2))) ** 2 + (a.std((1, 2)) - b.std((1, 2))) ** 2).sum())),
    }


if __name__ == "__main__":
    cases = [(11, 11, 0.1), (12, 31, 0.3), (64, 48, 0.02), (97, 61, 0.5), (200, 11, 0.1)]
    print(json.dumps([figures(*case) for case in cases], indent=1))
