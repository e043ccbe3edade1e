"""The chat template's text, written in Python: the same bytes as chat_template.jinja renders (test_demo_model.py)."""
import json

BOS = "<|endoftext|>"
GENERATION_PROMPT = "<|im_start|>assistant\n"
END_OF_TURN = "<|im_end|>"


def assistant_text(message):
    """What the model itself writes for an assistant's message, before <|im_end|>."""
    parts = [message["content"]] if message["content"] else []
    for call in message.get("tool_calls", ()):
        function = call["function"]
        parts.append('<tool_call>\n{"name": "%s", "arguments": %s}\n</tool_call>' % (
            function["name"], json.dumps(function["arguments"], ensure_ascii=False)))
    return "\n".join(parts)


def system_turn(text, tools):
    if tools:
        listed = "".join(json.dumps(tool, ensure_ascii=False) + "\n" for tool in tools)
        text = (text + "\n\n" if text else "") + (
            "You may call these tools:\n<tools>\n" + listed +
            "</tools>\nTo call one, answer with its name and arguments:\n"
            '<tool_call>\n{"name": NAME, "arguments": {...}}\n</tool_call>')
    return f"<|im_start|>system\n{text}<|im_end|>\n" if text else ""


def render(messages, tools=None, add_generation_prompt=False):
    """The conversation as text, without the <|endoftext|> that the tokenizer puts before it."""
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    rest = messages[1:] if messages and messages[0]["role"] == "system" else messages
    parts = [system_turn(system, tools)]
    for message in rest:
        content = assistant_text(message) if message["role"] == "assistant" else message["content"]
        parts.append(f"<|im_start|>{message['role']}\n{content}<|im_end|>\n")
    if add_generation_prompt:
        parts.append(GENERATION_PROMPT)
    return "".join(parts)
