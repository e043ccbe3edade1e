"""Documents of the training set: conversations of one task or several, and plain stories without a chat around them."""
import chat_format
import json_objects
import numbers_and_lists
import small_talk
import story
import tool_use
from exchange import assistant, user
from grammar import chance, expand, pick
from tools_world import some_tools

SYSTEM = ("You are [Hearth Tales|a storyteller|a friendly assistant|a helpful assistant|a small assistant|a patient "
          "teacher|an assistant for children|a kind companion|a careful helper][.|, and you answer briefly.|, and you "
          "like to help.|.] [You tell short stories.|Keep it short.|Be friendly.|Answer in simple words.|Use simple "
          "English.|]")
ARITHMETIC = (numbers_and_lists.add, numbers_and_lists.add, numbers_and_lists.subtract, numbers_and_lists.compare,
              numbers_and_lists.compare)
SORTING = (numbers_and_lists.sort_numbers, numbers_and_lists.sort_words)
READ = ("[Read this story|Here is a story|Listen to this story][ and answer my question|][:|.]\n\n{text}\n\n{question}",
        "{text}\n\n{question}", "{text}\n\nQuestion: {question}", "[Story|Text]: {text}\n\nQuestion: {question}")


def maybe_system(rng):
    if chance(rng, 0.6):
        return []
    return [{"role": "system", "content": expand(rng, SYSTEM, {}).strip()}]


def questions(rng, tale, count, taken=None):
    messages, taken = [], set() if taken is None else taken
    for _ in range(count):
        item = story.question(rng, tale, taken)
        if item:
            messages += [user(item[0]), assistant(item[1])]
    return messages


def after_story(rng):
    kind = rng.random()
    if kind < 0.5:
        return small_talk.praise(rng)
    return small_talk.thanks(rng)


def stories(rng, split):
    """A story asked for, and now and then another one, of the same hero or not."""
    tale = story.tell(rng, split)
    messages = [user(story.request(rng, tale)), assistant(tale.text)]
    if chance(rng, 0.2):
        messages += after_story(rng)
    if chance(rng, 0.25):
        same = chance(rng, 0.5)
        other = story.tell(rng, split, tale.hero if same else None)
        messages += [user(story.request_again(rng, other, same)), assistant(other.text)]
    return messages


def story_questions(rng, split):
    """A story, told by the assistant or by the user, and questions about it."""
    tale = story.tell(rng, split)
    if chance(rng, 0.2):
        taken = set()
        wording, answer = story.question(rng, tale, taken)
        first = expand(rng, pick(rng, READ), {"text": tale.text, "question": wording})
        messages = [user(first), assistant(answer)] + questions(rng, tale, int(rng.random() * 4), taken)
    else:
        messages = [user(story.request(rng, tale)), assistant(tale.text)]
        if chance(rng, 0.15):
            messages += after_story(rng)
        messages += questions(rng, tale, 1 + int(rng.random() * 5))
    if chance(rng, 0.15):
        messages += after_story(rng)
    return messages


def several(rng, split, tasks, most):
    messages = []
    for _ in range(1 + int(rng.random() * most)):
        messages += pick(rng, tasks)(rng, split)
    return messages


def arithmetic(rng, split):
    return several(rng, split, ARITHMETIC, 6)


def sorting(rng, split):
    return several(rng, split, SORTING, 4)


def json_writing(rng, split):
    return several(rng, split, (json_objects.make_object,), 3)


def talking(rng, split):
    return several(rng, split, (lambda r, s: small_talk.talk(r), lambda r, s: small_talk.talk(r),
                                lambda r, s: small_talk.unknown(r), lambda r, s: tool_use.no_call(r, s, ())), 4)


def mixture(rng, split):
    """Several tasks in one conversation."""
    messages = []
    for _ in range(2 + int(rng.random() * 3)):
        kind = rng.random()
        if kind < 0.25 and len(messages) < 5:
            messages += story_questions(rng, split)
        elif kind < 0.5:
            messages += pick(rng, ARITHMETIC)(rng, split)
        elif kind < 0.65:
            messages += pick(rng, SORTING)(rng, split)
        elif kind < 0.8:
            messages += json_objects.make_object(rng, split)
        else:
            messages += small_talk.talk(rng)
    return messages


def tool_conversation(rng, split):
    """(messages, tools): calls with their results, and questions that need no tool."""
    tools = some_tools(rng, 1 + int(rng.random() * 3))
    messages = []
    for _ in range(1 + int(rng.random() * 3)):
        kind = rng.random()
        if kind < 0.76:
            messages += tool_use.call(rng, split, pick(rng, tools))
        elif kind < 0.84:
            messages += tool_use.no_call(rng, split, tools)
        elif kind < 0.92:
            messages += pick(rng, ARITHMETIC + SORTING)(rng, split)
        else:
            messages += small_talk.talk(rng)
    return messages, [tool.schema for tool in tools]


# Weights of documents, chosen so that the shares of tokens come out as README.md says.
KINDS = (("plain", 7), ("stories", 13), ("questions", 14), ("arithmetic", 26), ("sorting", 11), ("json", 10), ("tools",
                                                                                                               9),
         ("talk", 5), ("mixture", 5))
MAKERS = {"stories": stories, "questions": story_questions, "arithmetic": arithmetic, "sorting": sorting,
          "json": json_writing, "talk": talking, "mixture": mixture}
_WHEEL = tuple(kind for kind, weight in KINDS for _ in range(weight))


def document(rng, split):
    """(kind, text) of one training document, without the <|endoftext|> before it."""
    kind = pick(rng, _WHEEL)
    if kind == "plain":
        return kind, story.tell(rng, split).text
    tools = None
    if kind == "tools":
        messages, tools = tool_conversation(rng, split)
    else:
        messages = MAKERS[kind](rng, split)
    if chance(rng, 0.08):
        messages = small_talk.talk(rng) + messages
    if chance(rng, 0.08):
        messages = messages + pick(rng, (small_talk.thanks, small_talk.goodbye))(rng)
    return kind, chat_format.render(maybe_system(rng) + messages, tools)
