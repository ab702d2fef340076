#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""keras_files.py WRITE_KERAS [FOLDER]: h5py before the files of Keras's layout that impasto writes, as TAP.

WRITE_KERAS writes generators into a folder and copies other files through impasto's reader and writer. The structure is held
against what Keras writes: names, types, shapes and order of attributes and arrays.
With FOLDER, files that Keras wrote are copied and must be equal. Skips where h5py is missing.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError:
    print("1..0 # SKIP no h5py (python3-h5py)")
    sys.exit(0)

results = []


def case(name, good, note=""):
    results.append(good)
    print(f"{'ok' if good else 'not ok'} {len(results)} - {name}" + ("" if good else f"\n# {note}"))


def text_type(item, name):
    """(class, variable, padding, extents) of an attribute."""
    attribute = h5py.h5a.open(item.id, name.encode())
    kind = attribute.get_type()
    text = kind.get_class() == h5py.h5t.STRING
    return kind.get_class(), text and kind.is_variable_str(), text and kind.get_strpad(), attribute.shape


def differences(a, b, path="/"):
    """What two files differ in, as lines."""
    found = []
    if sorted(a.attrs) != sorted(b.attrs):
        return [f"{path}: attributes {sorted(a.attrs)} and {sorted(b.attrs)}"]
    for name in a.attrs:
        if text_type(a, name) != text_type(b, name) or not np.array_equal(a.attrs[name], b.attrs[name]):
            found.append(f"{path}@{name}")
    if isinstance(a, h5py.Group) != isinstance(b, h5py.Group):
        return found + [f"{path}: a group and none"]
    if isinstance(a, h5py.Dataset):
        same = a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a[()], b[()])
        return found + ([] if same else [f"{path}: other values"])
    if list(a) != list(b):
        return found + [f"{path}: members {list(a)} and {list(b)}"]
    for name in a:
        found += differences(a[name], b[name], path + name + "/")
    return found


def check_layout(file):
    """The layout of tf.keras: what load_model and load_weights look for."""
    text = (h5py.h5t.STRING, True, 0, ())
    wrong = [name for name in ("backend", "keras_version", "model_config") if text_type(file, name) != text]
    group = file["model_weights"]
    wrong += [name for name in ("backend", "keras_version") if text_type(group, name) != text]
    layers = [name.decode() for name in group.attrs["layer_names"]]
    if text_type(group, "layer_names")[:3] != (h5py.h5t.STRING, False, 1) or sorted(layers) != list(group):
        wrong.append("layer_names")
    config = json.loads(file.attrs["model_config"])
    named = [layer["config"]["name"] for layer in config["config"]["layers"]]
    if config["class_name"] == "Sequential":
        named = named[1:]  # without the input
    if named != layers:
        wrong.append("layers of model_config")
    for layer in layers:
        names = group[layer].attrs["weight_names"]
        if names.dtype.kind not in ("S", "f") or (names.dtype.kind == "f") != (len(names) == 0):
            wrong.append(f"{layer}/weight_names")
        for name in names:
            array = group[layer][name.decode()]
            if array.dtype != np.float32 or array.chunks or not name.decode().startswith(layer + "/"):
                wrong.append(name.decode())
    return wrong


def check_keys(file, known):
    """Settings that Keras's own layers of the same class have not, or have besides."""
    wrong = []
    for layer in json.loads(file.attrs["model_config"])["config"]["layers"]:
        kind, keys = layer["class_name"], set(layer["config"])
        other = (keys ^ known.get(kind, keys)) - {"batch_input_shape", "groups", "ragged"}  # of later versions
        if other:
            wrong.append(f"{kind}: {sorted(other)}")
    return wrong


def keys_of(folder):
    """Settings by class in the files that Keras wrote."""
    known = {}

    def walk(layers):
        for layer in layers:
            if "layers" in layer["config"]:
                walk(layer["config"]["layers"])
            else:
                known.setdefault(layer["class_name"], set(layer["config"]))

    for name in sorted(os.listdir(folder)):
        if name.endswith(".h5"):
            with h5py.File(os.path.join(folder, name)) as file:
                walk(json.loads(file.attrs["model_config"])["config"]["layers"])
    return known


def main():
    writer, folder = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 and os.path.isdir(sys.argv[2]) else None
    known = keys_of(folder) if folder else {}
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([writer, work], check=True)
        for name in sorted(os.listdir(work)):
            with h5py.File(os.path.join(work, name)) as file:
                wrong = check_layout(file) + check_keys(file, known)
            case(f"{name}: laid out as Keras's", not wrong, ", ".join(wrong))
        for name in sorted(os.listdir(folder)) if folder else []:
            if not name.endswith(".h5"):
                continue
            copy = os.path.join(work, "copy")
            subprocess.run([writer, os.path.join(folder, name), copy], check=True)
            with h5py.File(os.path.join(folder, name)) as a, h5py.File(copy) as b:
                found = differences(a, b)
            case(f"{name}: read and written, equal", not found, ", ".join(found))
    print(f"1..{len(results)}")
    return 0 if all(results) and results else 1


if __name__ == "__main__":
    sys.exit(main())
