"""The tools that the system message may list: their schemas, what a user says, what comes back, what is then said.

An argument's value is drawn by a function; `say` templates name arguments in braces, `result` is a JSON object whose
values are drawn, and `answer` may name both.
"""
import words
from grammar import chance, pick, sample
from json_objects import MEALS, SKIES, draw_name, number_from, one_of

THINGS = one_of(words.OBJECTS)
CITY = one_of(words.CITIES)
DAY = one_of(words.WEEKDAYS)
PLACE = one_of([name for name, _ in words.PLACES])
LANGUAGE = one_of(("French", "German", "Spanish", "Italian", "Dutch", "Polish", "Greek", "Latin", "Swedish"))
WORD = one_of(words.WORDS_TO_SORT)
ROOM = one_of(("kitchen", "bedroom", "hall", "cellar", "attic", "garage", "bathroom", "office"))
CURRENCY = one_of(("dollars", "euros", "pounds", "crowns", "yen", "francs"))
SONG = lambda rng: f"{pick(rng, words.COLOURS).capitalize()} {pick(rng, words.WORDS_TO_SORT).capitalize()}"
HOUR = lambda rng: f"{int(rng.random() * 24)}:{pick(rng, ('00', '15', '30', '45'))}"
DATE = lambda rng: f"{1 + int(rng.random() * 28)} {pick(rng, MONTHS)}"
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")
MEAL = one_of(MEALS)
NOTE = lambda rng: (pick(rng, ("buy", "clean", "find", "paint", "sell", "repair", "wash", "return")) + " the " +
                    pick(rng, words.OBJECTS))

# name, description, {argument: (type, draw)}, ways to ask, {result key: draw}, answer
TOOLS = (
    ("get_weather", "Current weather in a city", {"city": ("string", CITY)},
     "[What is|How is|Tell me] the weather in {city}{?}|What is the weather like in {city}?|Is it raining in {city}?|"
     "Do I need an umbrella in {city}?|How warm is it in {city}?",
     {"sky": one_of(SKIES), "temperature": number_from(0, 39)}, "In {city} it is {sky}, with {temperature} degrees."),
    ("get_time", "Local time in a city", {"city": ("string", CITY)},
     "What time is it in {city}?|[Tell me|I need] the time in {city}.|How late is it in {city}?", {"time": HOUR},
     "In {city} it is {time}."),
    ("set_timer", "Start a timer", {"minutes": ("integer", number_from(1, 99))},
     "[Set|Start|Please set] a timer for {minutes} minutes.|Wake me in {minutes} minutes.|Timer: {minutes} minutes, "
     "please.",
     {"status": one_of(("started", "running"))}, "The timer is set for {minutes} minutes."),
    ("find_book", "Search the library", {"title": ("string", SONG)},
     "[Find|Look for|Search for] the book \"{title}\".|Do you have the book \"{title}\"?|Where is the book "
     "\"{title}\"?",
     {"shelf": number_from(1, 99)}, "\"{title}\" is on shelf {shelf}."),
    ("play_song", "Play music", {"song": ("string", SONG)},
     "[Play|Please play|Put on] \"{song}\".|I want to hear the song \"{song}\".", {"status": one_of(("playing",
                                                                                                     "queued"))},
     "\"{song}\" is {status}."),
    ("translate", "Translate a word", {"word": ("string", WORD), "language": ("string", LANGUAGE)},
     "Translate \"{word}\" into {language}.|[What is|How do you say] \"{word}\" in {language}?|I need \"{word}\" in "
     "{language}.",
     {"translation": lambda rng: draw_name(rng).lower()}, "In {language}, \"{word}\" is \"{translation}\"."),
    ("send_message", "Send a message to a person", {"to": ("string", draw_name), "text": ("string", NOTE)},
     "[Send|Write] {to} a message: {text}.|Tell {to} to {text}.|Send the message \"{text}\" to {to}.",
     {"status": one_of(("sent", "delivered"))}, "The message to {to} was {status}."),
    ("add_note", "Save a note", {"text": ("string", NOTE)},
     "[Note|Write down|Remind me]: {text}.|Make a note to {text}.|I must not forget to {text}.",
     {"id": number_from(1, 99)},
     "I saved it as note {id}."),
    ("book_table", "Reserve a table", {"name": ("string", draw_name), "guests": ("integer", number_from(1, 12)),
                                       "day": ("string", DAY)},
     "[Book|Reserve] a table for {guests} on {day}, under the name {name}.|{name} wants a table for {guests} on {day}.",
     {"table": number_from(1, 99)}, "Table {table} is reserved for {name} on {day}."),
    ("get_price", "Price of an item", {"item": ("string", THINGS)},
     "[How much is|What does] the {item}{cost}|What is the price of the {item}?|Look up the price of the {item}.",
     {"price": number_from(1, 99)}, "The {item} costs {price} coins."),
    ("find_person", "Look up where a person is", {"name": ("string", draw_name)},
     "Where is {name}?|[Find|Look for] {name}.|Can you find {name}?|Where can I find {name}?", {"place": PLACE},
     "{name} is near the {place}."),
    ("turn_on_light", "Switch a lamp on", {"room": ("string", ROOM), "level": ("integer", number_from(1, 99))},
     "[Turn on|Switch on] the light in the {room} at {level} percent.|Light in the {room}, {level} percent, please.",
     {"status": one_of(("on",))}, "The light in the {room} is on, at {level} percent."),
    ("set_heating", "Set a room's temperature", {"room": ("string", ROOM), "degrees": ("integer", number_from(10, 30))},
     "[Set|Heat] the {room} to {degrees} degrees.|I want {degrees} degrees in the {room}.", {"now": number_from(5, 30)},
     "The {room} will have {degrees} degrees; now it has {now}."),
    ("get_train", "Next train between two cities", {"from": ("string", CITY), "to": ("string", CITY)},
     "When is the next train from {from} to {to}?|[Find|Look up] a train from {from} to {to}.|"
     "I want to go from {from} to {to} by train.", {"time": HOUR, "platform": number_from(1, 30)},
     "The next train from {from} to {to} leaves at {time} from platform {platform}."),
    ("order_food", "Order food", {"dish": ("string", MEAL), "count": ("integer", number_from(1, 20))},
     "[Order|Please order|Get me] {count} times {dish}.|I would like to order {dish}, {count} times.",
     {"minutes": number_from(5, 90)},
     "The {dish} will be there in {minutes} minutes."),
    ("convert_money", "Convert an amount of money", {"amount": ("integer", number_from(1, 99)), "to": ("string",
                                                                                                       CURRENCY)},
     "[Convert|Change] {amount} coins to {to}.|How much is {amount} coins in {to}?", {"result": number_from(1, 99)},
     "{amount} coins are {result} {to}."),
    ("add_event", "Put an event into the calendar", {"title": ("string", NOTE), "day": ("string", DAY)},
     "Put \"{title}\" into my calendar on {day}.|[Plan|Add] \"{title}\" for {day}.|On {day} I have to {title}.",
     {"status": one_of(("saved", "added"))}, "\"{title}\" is in your calendar for {day}."),
    ("get_birthday", "Birthday of a person", {"name": ("string", draw_name)},
     "When is {name}'s birthday?|[Tell me|Look up] the birthday of {name}.", {"date": DATE},
     "{name}'s birthday is on {date}."),
    ("count_stock", "How many of an item are in stock", {"item": ("string", THINGS), "colour": ("string",
                                                                                                one_of(words.COLOURS))},
     "How many do we have of the {item} in {colour}?|[Count|Check] the stock: {item}, {colour}.|Is the {item} in "
     "{colour} in stock?",
     {"count": number_from(0, 99)}, "There are {count} in stock ({item}, {colour})."),
    ("call_person", "Call a person by telephone", {"name": ("string", draw_name)},
     "[Call|Please call|Phone] {name}.|I want to talk to {name} on the telephone.", {"status": one_of(("ringing",
                                                                                                       "connected",
                                                                                                       "busy"))},
     "The line to {name} is {status}."),
    ("measure_distance", "Distance between two cities", {"start": ("string", CITY), "end": ("string", CITY)},
     "How far is it from {start} to {end}?|[Measure|Tell me] the distance from {start} to {end}.",
     {"kilometres": number_from(10, 999)},
     "It is {kilometres} kilometres from {start} to {end}."),
    ("roll_dice", "Roll dice", {"sides": ("integer", number_from(4, 60))},
     "Roll a die with {sides} sides.|[Throw|Roll] a die, {sides} sides.", {"value": number_from(1, 60)},
     "The die shows {value}."),
    ("find_recipe", "Find a recipe", {"dish": ("string", MEAL), "guests": ("integer", number_from(2, 40))},
     "[Find|Show me|I need] a recipe for {dish} for {guests} people.|How do I make {dish} for {guests}?",
     {"page": number_from(1, 99)},
     "The recipe for {dish} is on page {page}."),
    ("water_plants", "Water the plants in a place", {"place": ("string", PLACE),
      "litres": ("integer", number_from(1, 60))},
     "Water the plants in the {place} with {litres} litres.|The {place} needs {litres} litres of water.",
     {"status": one_of(("done", "started"))}, "{litres} litres of water for the {place}: {status}."),
)

PARAMETER_WORDS = {"city": "Name of the city", "minutes": "How many minutes", "name": "Name of the person",
                   "day": "Day of the week",
                   "item": "Name of the item", "room": "Which room", "text": "The text"}


# Other names for a tool's verb and for its arguments, so that a call has to be read off the schema.
VERBS = {"get": ("fetch", "check", "look_up", "show"), "find": ("search", "locate", "look_for"), "set": ("start",
                                                                                                         "change"),
         "add": ("save", "create", "new"), "send": ("write", "post"), "play": ("start", "put_on"),
         "turn_on": ("switch_on",),
         "book": ("reserve",), "order": ("request", "get"), "count": ("check", "get"), "call": ("phone", "dial"),
         "measure": ("get", "compute"), "convert": ("change", "exchange"), "roll": ("throw",), "translate": ("say",
                                                                                                             "convert"),
         "water": ("sprinkle",)}
ARGUMENT_NAMES = {"city": ("place", "town", "location"), "minutes": ("time", "duration"), "title": ("name", "book",
                                                                                                    "query"),
                  "song": ("title", "music", "track"), "word": ("text", "input", "term"), "language": ("target",
                                                                                                       "lang", "to"),
                  "to": ("target", "receiver", "goal"), "text": ("content", "body", "message"), "name": ("who",
                                                                                                         "person"),
                  "guests": ("people", "persons", "count"), "day": ("date", "when", "weekday"), "item": ("thing",
                                                                                                         "product"),
                  "room": ("where", "place"), "degrees": ("value", "temperature", "level"), "from": ("start", "origin"),
                  "dish": ("food", "meal"), "count": ("number", "amount", "quantity"), "amount": ("coins", "value",
                                                                                                  "sum"),
                  "colour": ("color", "shade"), "start": ("a", "from"), "end": ("b", "goal"), "sides": ("faces", "n"),
                  "place": ("where", "area"), "level": ("brightness", "percent"), "litres": ("amount", "water")}


class Tool:
    """A tool as one system message lists it: `names` maps the arguments of TOOLS to the names used there."""

    def __init__(self, entry, name, names, described):
        self.entry, self.name, self.names = entry, name, names
        self.key, description, self.arguments, self.requests, self.results, self.answer = entry
        properties = {}
        for key, (kind, _) in self.arguments.items():
            properties[names[key]] = {"type": kind}
            if described and key in PARAMETER_WORDS:
                properties[names[key]]["description"] = PARAMETER_WORDS[key]
        self.schema = {"type": "function", "function": {
            "name": name, "description": description,
            "parameters": {"type": "object", "properties": properties, "required": list(properties)}}}


def vary(rng, entry):
    """The entry under its own name or, half of the time, under other ones."""
    name, names = entry[0], {key: key for key in entry[2]}
    if chance(rng, 0.5):
        verb = next((verb for verb in VERBS if name.startswith(verb + "_") or name == verb), None)
        if verb and chance(rng, 0.7):
            name = pick(rng, VERBS[verb]) + name[len(verb):]
        for key in entry[2]:
            other = pick(rng, ARGUMENT_NAMES[key])
            if chance(rng, 0.5) and other not in names.values():
                names[key] = other
        if chance(rng, 0.15):
            head, *rest = name.split("_")
            name = head + "".join(word.capitalize() for word in rest)
    return Tool(entry, name, names, chance(rng, 0.3))


def some_tools(rng, count):
    return [vary(rng, entry) for entry in sample(rng, TOOLS, count)]
