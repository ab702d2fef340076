"""Numbers that oracles and tests make alike, without files: see tests/noise.h."""
# SPDX-License-Identifier: Apache-2.0
import numpy as np


def noise(name, shape):
    """Uniform in [-0.5, 0.5): a multiplicative hash of the index, seeded by FNV-1a of the name."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) & 0xFFFFFFFF
    n = int(np.prod(shape))
    x = (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(2654435761) + np.uint64(seed)
    x &= np.uint64(0xFFFFFFFF)
    x = ((x >> np.uint64(15)) ^ x) * np.uint64(2246822519) & np.uint64(0xFFFFFFFF)
    x = (x >> np.uint64(13)) ^ x
    return (x.astype(np.float64) / 2**32 - 0.5).reshape(shape)
