#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""impasto beside ONNX Runtime and PyTorch, on the same files, in one go.

    compare.py [--threads 1,2] [--networks NAME,...] [--model FILE.onnx ...] [--style NAME ...] [--train] [--translate]
               [--gan] [--json FILE]
    compare.py --table FILE...     the table again, from what --json wrote

Every engine runs in a process of its own, one after the other, and again in the next round: what disturbs the machine
disturbs all of them. A figure is the median over the rounds of the median of a round's runs; memory is the peak of
the process. The outputs that are compared are those of the runs that are timed, on the same input. The reference is PyTorch in
float32, ONNX Runtime where there is no PyTorch network for the file. `difference` is the largest difference of outputs over
the largest value of the reference; PSNR is taken over the reference's range. What is missing is left out and said.

Networks come from networks.py; --model adds files, --style what `impasto export` makes of a style, --train one training step,
--translate one of CycleGAN as published, at 256x256, --gan one of dcgan-64, 64 pictures.
Environment: IMPASTO, the program (default ../impasto); BUILD, its build folder (for --train, default ../build); ORT, the folder
where npm installed onnxruntime-node; PYTHON, one with torch.
"""
import argparse
import json
import math
import multiprocessing
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import numpy

HERE = pathlib.Path(__file__).resolve().parent
IMPASTO = os.environ.get("IMPASTO", str(HERE.parent / "impasto"))
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
BUILD = os.environ.get("BUILD", str(HERE.parent / "build"))
PRECISIONS = ("f32", "bf16")
# Settings of `impasto bench --train` that make its step the one of peers.py.
STEPS = {"translate": "size=256,filters=64,blocks=9,upsampling=transposed,batch=1", "gan": "preset=dcgan-64,batch=64"}


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def call(*words):
    """Runs a command and reads the JSON object on its last line; None with a word about it when it fails."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    try:
        if done.returncode == 0:
            return json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        pass
    last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
    say(f"{' '.join(str(w) for w in words[:4])} ...: status {done.returncode}: {last[:200]}")
    return None


class Impasto:
    def __init__(self, precision):
        self.name, self.precision = f"impasto {precision}", precision

    def run(self, job, output, threads, runs):
        if job.train == "train":
            return call(f"{BUILD}/bench/train_step", self.precision, threads, runs)
        if job.train:
            return call(IMPASTO, "bench", "--train", job.train, "--set", STEPS[job.train], "--precision", self.precision,
                        "--threads", threads, "--runs", runs, "--json")
        return call(IMPASTO, "bench", job.file, "--input", job.input, "--output", output, "--precision", self.precision,
                    "--threads", threads, "--runs", runs, "--json")


class OnnxRuntime:
    name = "ONNX Runtime"

    def run(self, job, output, threads, runs):
        return None if job.train else call("node", HERE / "ort.mjs", job.file, job.input, output, threads, runs)


class PyTorch:
    name = "PyTorch"

    def run(self, job, output, threads, runs):
        if job.train:
            return call(PYTHON, HERE / "peers.py", job.train, threads, runs)
        return call(PYTHON, HERE / "peers.py", "run", job.network, job.input, output, threads, runs) if job.network else None


def picture(channels, height, width):
    """Values in 0..1 with the spectrum of photographs (amplitude 1/f, channels much alike), always the same ones."""
    rows, columns = numpy.meshgrid(numpy.fft.fftfreq(height), numpy.fft.rfftfreq(width), indexing="ij")
    falling = 1 / numpy.maximum(numpy.hypot(rows, columns), 1 / max(height, width))
    noise = numpy.random.default_rng(1).normal(size=(channels + 1, height, width))
    maps = numpy.fft.irfft2(numpy.fft.rfft2(noise) * falling, (height, width))
    mixed = maps[:1] + 0.3 * maps[1:]
    low, high = numpy.percentile(mixed, (1, 99))
    return numpy.clip((mixed - low) / (high - low), 0, 1).astype(numpy.float32)


class Job:
    """A file to run, with its input; or a training step, as peers.py calls it."""

    def __init__(self, name, file, shape, work, network=None, train=None):
        self.name, self.file, self.shape, self.network, self.train = name, file, shape, network, train
        self.input = work / f"{name}.npy"
        # In a process of its own: what ours has once taken would count as the peak of every program it starts.
        maker = multiprocessing.get_context("fork").Process(
            target=lambda: numpy.save(self.input, picture(*shape[1:])[None]))
        maker.start()
        maker.join()


def engines():
    found = [Impasto(p) for p in PRECISIONS]
    if os.environ.get("ORT") and shutil.which("node"):
        found.append(OnnxRuntime())
    else:
        say("no ONNX Runtime: set ORT to the folder of `npm install onnxruntime-node`")
    if subprocess.run([PYTHON, "-c", "import torch"], capture_output=True).returncode == 0:
        found.append(PyTorch())
    else:
        say(f"no PyTorch in {PYTHON}")
    return found


def difference(output, reference):
    """(largest difference over the largest value, PSNR over the range in dB)"""
    a, b = numpy.load(output).astype(numpy.float64), numpy.load(reference).astype(numpy.float64)
    if a.size != b.size or not numpy.isfinite(a).all():
        return math.inf, -math.inf
    error = a.ravel() - b.ravel()
    mse = numpy.mean(error ** 2)
    return numpy.abs(error).max() / numpy.abs(b).max(), 10 * math.log10(numpy.ptp(b) ** 2 / mse) if mse else math.inf


def measure(job, threads, rounds, seconds, work):
    """One row an engine."""
    outputs, rows = {}, {}
    runs = {}
    for turn in range(rounds + 1):  # the first finds out how often a round can run
        for engine in engines_here:
            if engine.name in runs and runs[engine.name] is None:
                continue
            outputs[engine.name] = work / f"{engine.name.replace(' ', '-')}.npy"
            found = engine.run(job, outputs[engine.name], threads, runs.get(engine.name, 2))
            if turn == 0:
                runs[engine.name] = found and max(3, min(100, round(1e3 * seconds / found["median_ms"])))
            elif found:
                rows.setdefault(engine.name, []).append(found)
    reference = None if job.train else next((outputs[n] for n in ("PyTorch", "ONNX Runtime") if n in rows), None)
    for name, found in rows.items():
        off, psnr = difference(outputs[name], reference) if reference else (None, None)
        yield {
            "network": job.name, "shape": "x".join(map(str, job.shape)), "threads": threads, "engine": name,
            "median_ms": statistics.median(f["median_ms"] for f in found), "min_ms": min(f["min_ms"] for f in found),
            "memory_mib": max(f["memory_mib"] for f in found), "difference": off,
            "psnr_db": psnr if psnr is None or math.isfinite(psnr) else None,
            "gflops": found[-1].get("gflops"), "peak_share": found[-1].get("peak_share"),
        }


def model_shape(path, size):
    """(1, c, h, w) of a file's first input; free axes take @size."""
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    weights = {w.name for w in graph.initializer}
    entry = next(i for i in graph.input if i.name not in weights)
    dims = [d.dim_value for d in entry.type.tensor_type.shape.dim]
    return tuple(d or f for d, f in zip(dims, (1, 3, size[1], size[0])))


def jobs(arguments, work):
    names = subprocess.run([PYTHON, HERE / "networks.py", "list"], capture_output=True, text=True).stdout.splitlines()
    shapes = {line.split()[0]: tuple(map(int, line.split()[1].split("x"))) for line in names}
    for name in shapes if arguments.networks is None else filter(None, arguments.networks.split(",")):
        if name not in shapes:
            say(f"no network {name}; there are {', '.join(shapes) or 'none without PyTorch'}")
            continue
        file = work / f"{name}.onnx"
        subprocess.run([PYTHON, HERE / "networks.py", "export", name, file], capture_output=True, check=True)
        yield Job(name, file, (1,) + shapes[name], work, name)
    size = tuple(map(int, arguments.size.split("x")))
    for style in arguments.style:
        file = work / f"{style}.onnx"
        done = subprocess.run([IMPASTO, "export", "--style", style, "-o", file], capture_output=True, text=True)
        if done.returncode:
            say(f"export of {style}: {done.stderr.strip()}")
            continue
        yield Job(style, file, model_shape(file, size), work)
    if arguments.train:
        done = subprocess.run(["ninja", "-C", BUILD, "bench/train_step"], capture_output=True, text=True)
        if done.returncode == 0:
            yield Job("training step", None, (4, 3, 256, 256), work, train="train")
        else:
            say(f"no training step: {done.stdout.strip().splitlines()[-1]}")
    if arguments.translate:
        yield Job("CycleGAN step", None, (1, 3, 256, 256), work, train="translate")
    if arguments.gan:
        yield Job("DCGAN step", None, (64, 3, 64, 64), work, train="gan")
    for model in arguments.model:
        yield Job(pathlib.Path(model).stem, pathlib.Path(model), model_shape(model, size), work)


def number(x):
    return "" if x is None else f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def table(rows):
    """Markdown: a line a network and number of threads, a cell an engine: time, how many times ONNX Runtime's speed, memory."""
    names = [e for e in ("impasto bf16", "impasto f32", "ONNX Runtime", "PyTorch") if any(r["engine"] == e for r in rows)]
    print("| network | threads | " + " | ".join(names) + " | f32 differs by | bf16 PSNR |")
    print("|---|---|" + "---|" * len(names) + "---|---|")
    keys = list(dict.fromkeys((r["network"], r["threads"]) for r in rows))
    for network, threads in keys:
        found = {r["engine"]: r for r in rows if (r["network"], r["threads"]) == (network, threads)}
        ort, cells = found.get("ONNX Runtime"), []
        for name in names:
            row = found.get(name)
            ratio = f", {ort['median_ms'] / row['median_ms']:.2f}x" if row and ort and row is not ort else ""
            cells.append(f"{number(row['median_ms'])} ms{ratio}, {row['memory_mib']:.0f} MiB" if row else "")
        off, psnr = found.get("impasto f32", {}).get("difference"), found.get("impasto bf16", {}).get("psnr_db")
        cells += ["" if off is None else f"{off:.1e}", "" if psnr is None else f"{psnr:.1f} dB"]
        print(f"| {network} | {threads} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--networks", help="of networks.py, joined by ','; all if not given, '' for none")
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--style", action="append", default=[])
    parser.add_argument("--train", action="store_true", help="a training step, too: needs a build")
    parser.add_argument("--translate", action="store_true", help="a step of CycleGAN, too")
    parser.add_argument("--gan", action="store_true", help="a step of dcgan-64, batch 64, too")
    parser.add_argument("--size", default="512x512", help="of pictures, where a model leaves it open")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1, help="a round and engine")
    parser.add_argument("--json", help="also appends a line a figure to this file")
    parser.add_argument("--table", nargs="+", help="files that --json wrote")
    arguments = parser.parse_args()
    rows = []
    if arguments.table:
        rows = [json.loads(line) for file in arguments.table for line in open(file)]
    else:
        engines_here = engines()
        with tempfile.TemporaryDirectory() as folder:
            work = pathlib.Path(folder)
            for job in jobs(arguments, work):
                for threads in map(int, arguments.threads.split(",")):
                    say(f"{job.name} {'x'.join(map(str, job.shape))}, {threads} threads")
                    for row in measure(job, threads, arguments.rounds, arguments.seconds, work):
                        rows.append(row)
                        if arguments.json:
                            with open(arguments.json, "a") as file:
                                file.write(json.dumps(row) + "\n")
    table(rows)
