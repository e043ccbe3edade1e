"""A whole story: a scheme between an opening and an ending, how one may ask for it, and questions about it."""
import openings
import schemes_journeys
import schemes_people
import schemes_things
from grammar import chance, listed, pick
from world import World

SCHEMES = tuple(scheme for module in (schemes_things, schemes_people, schemes_journeys) for scheme, _ in module.SCHEMES)


class Story:
    def __init__(self, world, scheme, separator):
        self.world, self.scheme, self.hero = world, scheme.__name__, world.hero
        self.text = world.text(separator)
        self.questions = world.questions


def tell(rng, split, hero=None, separator=None, scheme=None):
    """A new story of a random scheme; with `hero`, another story about the same character."""
    scheme = scheme or pick(rng, SCHEMES)
    w = World(rng, split, hero)
    w.say(pick(rng, openings.OPENINGS))
    if chance(rng, 0.5):
        w.say(pick(rng, openings.TRAITS))
    scheme(w)
    w.paragraph()
    ending = pick(rng, openings.ENDINGS)
    if ending:
        w.say(ending)
    closing = pick(rng, openings.CLOSINGS)
    if closing:
        w.say(closing)
    add_common_questions(w)
    if separator is None:
        separator = "\n\n" if chance(rng, 0.75) else " "
    return Story(w, scheme, separator)


def add_common_questions(w):
    w.ask("[Who is the story about?|Who is the main character?|Who is the hero of the story?|What is the hero's name?]",
          "The story is about {h.the}.")
    w.ask("[Where did {h} live?|Where does {h} live?|Where was {h}'s home?|Where is the home of {h}?]",
          "{h} lived {home}.")
    w.ask("[What is {h}?|What kind of character is {h}?|Who is {h}?]", "{h} is {h.a_kind}.")
    w.ask("[What is {f}?|What kind of character is {f}?|Who is {f}?]", "{f} is {f.a_kind}.")
    w.ask("[How does the story end?|How did it end?|What happens in the end?|How does it end?]", w.ending)
    w.ask("[What is the story about?|Sum up the story in one sentence.|Can you sum up the story?|"
          "What happens in the story?|Tell me the story in one sentence.]", w.summary)


def question(rng, story, taken):
    """(wording, answer) of a question not in `taken`, a set of answers that it extends; None when all were asked."""
    left = [item for item in story.questions if item[1] not in taken]
    if not left:
        return None
    wordings, answer = pick(rng, left)
    taken.add(answer)
    return story.world.fill(wordings), answer


REQUEST_STARTS = (
    "[Tell|Please tell|Can you tell|Could you tell|Will you tell] me [a|a short|a little|a nice] story",
    "[Write|Please write|Make up|Invent] [a|a short|a little] story", "I [want|would like] [a|a short] story",
    "[A story|A short story], please,", "[Give|Please give] me a story", "I would love to hear a story",
    "Let me hear a story", "[Story time! Tell|It is bedtime. Tell|I cannot sleep. Tell|I am bored. Tell] me a story")
PLAIN_REQUESTS = (
    "Tell me a story.", "Tell me a story.", "Tell a story.", "Please tell me a story.", "Can you tell me a story?",
    "Write a short story.", "I would like to hear a story.", "Tell me a bedtime story.", "Story, please!",
    "Could you tell me a short story?", "Make up a story for me.", "Do you know a good story?", "tell me a story",
    "A story, please.", "Tell me a story for children.", "I want to hear a story.", "Once more: a story, please.")
AGAIN = ("[Tell me another story|Please tell me another story|I want another story|Please tell me one more story|Tell "
         "me one more|Now a different story|Another one]")


def request(rng, story):
    """What a user may say to get this story: it names some of the story's elements, or none."""
    w, kind = story.world, rng.random()
    hero = pick(rng, ("{h.a_kind}", "{h.a_kind} named {h}", "{h.a_kind} called {h}", "{h.the}", "{h}"))
    if kind < 0.2:
        return pick(rng, PLAIN_REQUESTS)
    if kind < 0.35:
        about = hero
    elif kind < 0.65:
        about = hero + " " + w.clause
    elif kind < 0.75:
        about = w.theme
    elif kind < 0.87:
        about = pick(rng, ("{h.the} and {f.the}", "{h.a_kind} and {f.a_kind}", "{h} and {f}", hero + " and {f.the}"))
    else:
        things = [pick(rng, ("{h.a_kind}", "{h.the}"))] + [pick(rng, w.things or ("{f.a_kind}",))]
        if w.things and chance(rng, 0.4):
            things.append("{f.a_kind}")
        about = listed(things)
        if chance(rng, 0.5):
            return w.fill(f"[Tell me|Write|Make up|I want] a [short |]story with {about} in it[.|, please.]")
    text = w.fill(f"{pick(rng, REQUEST_STARTS)} about {about}")
    polite = "." if "lease" in text else ", please."
    return text + ("?" if text.startswith(("Can", "Could", "Will")) else pick(rng, (".", ".", ".", "", polite)))


def request_again(rng, story, same_hero):
    text = story.world.fill(AGAIN)
    if same_hero:
        return text + story.world.fill(" about {h}") + "."
    about = pick(rng, ("", "", " about {h.a_kind}", " about {h.a_kind} named {h}", " about {h.the}",
                       " about {h.a_kind} " + story.world.clause))
    return text + story.world.fill(about) + pick(rng, (".", "!", "."))
