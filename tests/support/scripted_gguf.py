"""A model file whose every answer is known, for a real llama.cpp server: about 0.6 MB, made in a fraction of a second.

The network is a table of successors. A token's embedding is its one-hot vector, attention and feed-forward give
nothing, so the output matrix alone decides which token follows which. The chat template ends the prompt with one of the
SCRIPTS' marker tokens, chosen by the request, and the rest follows token by token at temperature 0:

    tools with get_weather       a call of get_weather, or two where the message says "parallel"
    the last message is a tool's a sentence with characters of several bytes
    "utf8" in the message        characters in one token a byte
    "think" in the message       thinking, then an answer
    anything else                "Hello from a real llama.cpp server!"

Rules: no two tokens may have the same text, and no token may stand in two scripts or twice in one; `_Vocabulary.spell`
sees to both. Without a script (grammars) the bytes of the shortest JSON are the likeliest.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

__all__ = ("MODEL_NAME", "SCRIPTS", "write_scripted_gguf")

MODEL_NAME = "scripted"
_TYPES = gguf.TokenType
_WORDS = ("<tool_call>", "</tool_call>", "<think>", "</think>")


def _called(city: str) -> str:
    return '\n{"name": "get_weather", "arguments": {"city": "' + city + '"}}\n'


SCRIPTS: dict[str, tuple[str | bytes, ...]] = {
    "text": ("Hello from a real llama.cpp server!",),
    "tool": ("<tool_call>", _called("Paris"), "</tool_call>"),
    "parallel": (f"<tool_call>{_called('Oslo')}</tool_call>\n<tool_call>{_called('Rome')}</tool_call>",),
    "think": ("<think>", "\nThe user wants 2+2.\n", "</think>", "\n\nThe answer is 4."),
    "result": ("It's 21°C in sunny 東京 😀 today",),
    "utf8": ("東😀".encode(),),
}

_TEMPLATE = """\
{%- set seen = namespace(weather=false) -%}
{%- if tools -%}
<|im_start|>system
# Tools
{% for tool in tools -%}
{%- if tool.function.name == 'get_weather' -%}{%- set seen.weather = true -%}{%- endif -%}
{{ tool | tojson }}
{% endfor -%}
Answer with <tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
<|im_start|>assistant
{% if message.reasoning_content -%}
{{ '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}
{%- endif -%}
{%- if message.content -%}{{ message.content }}{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{{ '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson }}{{ '}\\n</tool_call>' }}
{%- endfor -%}
{%- elif message.role == 'tool' -%}
{{ '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
{%- else -%}
{{ '<|im_start|>' + message.role + '\\n' + message.content }}
{%- endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- set last = messages[-1] -%}
{%- set said = last.content if last.content is string else '' -%}
{%- if last.role == 'tool' -%}<|script result|>
{%- elif seen.weather and 'parallel' in said -%}<|script parallel|>
{%- elif seen.weather -%}<|script tool|>
{%- elif 'utf8' in said -%}<|script utf8|>
{%- elif 'think' in said -%}<|script think|>
{%- else -%}<|script text|>
{%- endif -%}
{%- endif -%}
"""


class _Vocabulary:
    """Tokens in the order of their ids, each with a text of its own."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.kinds: list[int] = []
        self._ids: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, text: str, kind: int) -> int:
        assert text not in self._ids, text
        self._ids[text] = len(self.texts)
        self.texts.append(text)
        self.kinds.append(kind)
        return self._ids[text]

    def id(self, text: str) -> int:
        return self._ids[text]

    def spell(self, text: str) -> list[int]:
        """Cuts a text into new tokens, each as short as its being new allows, three characters at least."""
        text = text.replace(" ", "▁")
        pieces: list[str] = []
        while text:
            length = next((n for n in range(3, len(text)) if self._new(text[:n], pieces)), len(text))
            pieces.append(text[:length])
            text = text[length:]
        while len(pieces[-1]) < 3 or not self._new(pieces[-1], pieces[:-1]):
            pieces[-2:] = [pieces[-2] + pieces[-1]]
        return [self.add(piece, _TYPES.NORMAL) for piece in pieces]

    def _new(self, piece: str, pieces: list[str]) -> bool:
        return piece not in self._ids and piece not in pieces


def _chains(vocabulary: _Vocabulary) -> dict[str, list[int]]:
    """Each script as the ids that follow its marker."""
    chains: dict[str, list[int]] = {}
    for name, parts in SCRIPTS.items():
        chain: list[int] = []
        for part in parts:
            if isinstance(part, bytes):
                chain += [vocabulary.id(f"<0x{byte:02X}>") for byte in part]
            elif part in _WORDS:
                chain.append(vocabulary.id(part))
            else:
                chain += vocabulary.spell(part)
        chains[name] = chain
    return chains


def _logits(vocabulary: _Vocabulary, chains: dict[str, list[int]], width: int) -> np.ndarray:
    """Row i, column j: how much token j wants token i to follow it."""
    wanted = np.zeros(len(vocabulary), np.float32)
    end = vocabulary.id("<|im_end|>")
    wanted[end] = 0.5
    for text, weight in {'"': 0.48, "}": 0.46, "]": 0.44, ",": 0.3, ":": 0.3, "{": 0.28, "[": 0.27, "0": 0.26}.items():
        wanted[vocabulary.id(f"<0x{ord(text):02X}>")] = weight
    for text in " \t\r\n":
        wanted[vocabulary.id(f"<0x{ord(text):02X}>")] = -1.0
    table = np.repeat(wanted[:, None], width, axis=1)
    for name, chain in chains.items():
        before = vocabulary.id(f"<|script {name}|>")
        for token in [*chain, end]:
            table[token, before] = 2.0
            before = token
    return table.astype(np.float16)


def write_scripted_gguf(path: Path, *, context_length: int = 262_144) -> Path:
    """Writes the file and returns its path."""
    vocabulary = _Vocabulary()
    unknown = vocabulary.add("<unk>", _TYPES.UNKNOWN)
    first = vocabulary.add("<s>", _TYPES.CONTROL)
    vocabulary.add("</s>", _TYPES.CONTROL)
    for byte in range(256):
        vocabulary.add(f"<0x{byte:02X}>", _TYPES.BYTE)
    for text in ("<|im_start|>", "<|im_end|>", *(f"<|script {name}|>" for name in SCRIPTS)):
        vocabulary.add(text, _TYPES.CONTROL)
    for text in _WORDS:
        vocabulary.add(text, _TYPES.USER_DEFINED)
    chains = _chains(vocabulary)
    size, head, inner = len(vocabulary), 8, 32
    width = -(-size // 32) * 32

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(MODEL_NAME)
    writer.add_file_type(1)
    writer.add_context_length(context_length)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(size)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text.encode() for text in vocabulary.texts])
    writer.add_token_scores([-1000.0 if kind == _TYPES.NORMAL else 0.0 for kind in vocabulary.kinds])
    writer.add_token_types(vocabulary.kinds)
    writer.add_unk_token_id(unknown)
    writer.add_bos_token_id(first)
    writer.add_eos_token_id(vocabulary.id("<|im_end|>"))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_TEMPLATE)

    one_hot = np.zeros((size, width), np.float16)
    one_hot[np.arange(size), np.arange(size)] = 1
    ones = np.ones(width, np.float32)
    writer.add_tensor("token_embd.weight", one_hot)
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", _logits(vocabulary, chains, width))
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", ones)
    for name in ("attn_q", "attn_k", "attn_v"):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((head, width), np.float16))
    writer.add_tensor("blk.0.attn_output.weight", np.zeros((width, head), np.float16))
    for name in ("ffn_gate", "ffn_up"):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((inner, width), np.float16))
    writer.add_tensor("blk.0.ffn_down.weight", np.zeros((width, inner), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
