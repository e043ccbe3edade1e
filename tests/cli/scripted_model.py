"""A model that says what a test wants: its weights are set by hand, so that every token is followed by a certain one.

An answer is cut into tokens that the vocabulary has once, and that no prompt is made of. Each one's embedding is the
row of the output matrix of the next, and the layer between adds nothing. What the prompt ends with chooses the answer.
"""
import random

import numpy as np

from write_tiny_model import TinyModel, byte_alphabet

WIDTH = 256  # of random vectors, any two are then nearly at right angles
CERTAINTY = 8.0
# Of a message `m`, as Qwen's templates write them: its thoughts, and its calls up to the turn's end.
THOUGHTS = """\
{% if m.reasoning_content %}<think>
{{ m.reasoning_content }}
</think>

{% endif %}"""
CALLS = """
{%- for call in m.tool_calls or [] %}
<tool_call>
{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}
"""
# As Qwen's: thoughts, calls in JSON, results. The character at the end chooses the answer.
TEMPLATE = """\
{%- if tools %}<|im_start|>system
<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools><|im_end|>
{% endif %}
{%- for m in messages %}<|im_start|>{{ m.role }}
""" + THOUGHTS + """{{ m.content }}""" + CALLS + """\
{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif %}
{%- if messages[-1].role == 'tool' %}^{% elif tools %}~{% else %}`{% endif %}
{%- endif %}"""
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Ulm"}}\n</tool_call>'
# By what the prompt ends with. The last two: where the answer must be a call, and its beginning stands there already.
ANSWERS = {
    "~": "<think>\nThe user asks for weather.\n</think>\n\nLet me look.\n" + CALL,
    "^": "It is sunny in Ulm.",
    "`": "<think>\nNo tools here.\n</think>\n\nHello to you.",
    '"': 'get_weather", "arguments": {"city": "Bonn"}}\n</tool_call>',
    " ": '{"city": "Kiel"}}\n</tool_call>',
}


def cut(text, known, chance):
    """The text in pieces, none of which is known or comes twice."""
    for _ in range(1000):
        pieces, at = [], 0
        while at < len(text):
            size = chance.randint(2, 9)
            pieces.append(text[at:at + size])
            at += size
        if len(set(pieces)) == len(pieces) and not known & set(pieces):
            return pieces
    raise AssertionError(f"{text!r} cannot be cut")


class ScriptedModel(TinyModel):
    """`answers`: what is said after a prompt that ends with the character."""

    def __init__(self, answers=None, template=TEMPLATE, context=4096):
        super().__init__(layers=1, width=WIDTH, ff_width=32, context=context)
        self.metadata["tokenizer.chat_template"] = template
        chance = random.Random(7)
        alphabet = byte_alphabet()
        follower = {}  # of each token, by their numbers
        for end_of_prompt, answer in (answers or ANSWERS).items():
            last = self.tokens.index(alphabet[ord(end_of_prompt)])
            spelt = "".join(alphabet[byte] for byte in answer.encode())
            for piece in cut(spelt, set(self.tokens), chance):
                self.tokens.append(piece)
                follower[last] = last = len(self.tokens) - 1
            follower[last] = self.first_control + 1  # the end
        self.metadata["tokenizer.ggml.tokens"] = self.tokens
        normal = 1
        types = self.metadata["tokenizer.ggml.token_type"]
        self.metadata["tokenizer.ggml.token_type"] = types + [normal] * (len(self.tokens) - len(types))
        self.set_weights(follower)

    def set_weights(self, follower):
        embedding = np.random.default_rng(7).normal(0, 1, (len(self.tokens), WIDTH)).astype(np.float32)
        embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
        output = np.zeros_like(embedding)
        for token, next_token in follower.items():
            output[next_token] += CERTAINTY * embedding[token]
        self.tensors["token_embd.weight"], self.tensors["output.weight"] = embedding, output
        self.tensors["output_norm.weight"][:] = 1
        for name in ("blk.0.attn_output.weight", "blk.0.ffn_down.weight"):
            self.tensors[name][:] = 0
