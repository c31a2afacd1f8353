"""Runs llama.cpp's own HTTP server on one GGUF file, in a process of its own: an assertion inside it ends a process.

The parent is `llama_supervisor`. Strategy: once the server listens, one line of JSON on stdout, `{"url": "http://..."}`;
what llama.cpp logs goes to stderr; the process ends when its stdin does, which is also what happens when its parent
dies, so that no orphan keeps a model in memory.

Rules: it listens on loopback alone. The context is what the model was trained for, but 8192 tokens at most unless
`--ctx` says otherwise, and each of the `--parallel` places has all of it. Embeddings are on, beside chat.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ollamux_aiohttp.gguf_header import GgufHeader, NotGguf, read_header

__all__ = ("CONTEXT_LIMIT", "context_of", "main")

CONTEXT_LIMIT = 8192
_CONTEXT_UNKNOWN = 4096
_EMBEDDING_BATCH = 2048


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until stdin ends. Returns 2 for a file that is no model, 1 where llama.cpp does not start."""
    options = _parser().parse_args(arguments)
    try:
        header = read_header(options.model)
    except NotGguf as error:
        print(error, file=sys.stderr)
        return 2
    answers = _stdout_for_us()
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        # Kept in a name: the server ends with its object.
        server = _start(options, header)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    os.write(answers, json.dumps({"url": server.listening_address}).encode() + b"\n")
    threading.Event().wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ollamux_aiohttp.llama_child", description="Serve one GGUF file.")
    parser.add_argument("--model", required=True, metavar="FILE")
    parser.add_argument("--name", help="what the model is called; the file's name without .gguf where absent")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ctx", type=int, help="tokens of context for each place")
    parser.add_argument("--parallel", type=int, default=2, help="how many requests run at once")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--gpu-layers", type=int)
    parser.add_argument("--main-gpu", type=int)
    parser.add_argument("--batch", type=int)
    return parser


def _stdout_for_us() -> int:
    """A descriptor of stdout; from now on whatever a library prints there goes to stderr."""
    ours = os.dup(1)
    os.dup2(2, 1)
    return ours


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    # llama.cpp's threads do not survive an orderly exit in every state, and there is nothing to save.
    os._exit(0)


def _start(options: argparse.Namespace, header: GgufHeader) -> Any:
    xllamacpp: Any = import_module("xllamacpp")  # optional, and without types
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.name or Path(options.model).stem}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.n_parallel = max(1, options.parallel)
    params.n_ctx = context_of(options.ctx, header) * params.n_parallel
    params.ui = False
    # A web page must not read answers from here: it has to come through ollamux.
    params.cors_origins = "http://localhost"
    params.embedding = True
    if header.pooling is None:
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    else:
        # An embedding model reads a text in one go, so the batch bounds the length of its inputs.
        params.n_batch = params.n_ubatch = min(context_of(options.ctx, header), _EMBEDDING_BATCH)
    if options.batch:
        params.n_batch = params.n_ubatch = options.batch
    # llama.cpp asserts that a batch can be shared out evenly where it pools embeddings.
    params.n_ubatch = max(1, params.n_ubatch // params.n_parallel) * params.n_parallel
    if options.threads:
        params.cpuparams.n_threads = options.threads
        params.cpuparams_batch.n_threads = options.threads
    if options.gpu_layers is not None:
        params.n_gpu_layers = options.gpu_layers
    if options.main_gpu is not None:
        params.main_gpu = options.main_gpu
    return xllamacpp.Server(params)


def context_of(asked: int | None, header: GgufHeader) -> int:
    """The tokens of context that each place has."""
    trained = header.context_length or _CONTEXT_UNKNOWN
    return asked if asked and asked > 0 else min(trained, CONTEXT_LIMIT)


if __name__ == "__main__":
    sys.exit(main())
