"""Plots that turn on what somebody can do or feels: learning, fear, loneliness, care, a contest."""
import words
from grammar import a, pick, upper_first


def learn(w):
    """The hero cannot do a thing, is taught by a helper with patience, and shows it in the end."""
    fitting = [skill for skill in words.SKILLS if not (
        skill[3] == "water" and w.hero.kind in words.WATER_KINDS or skill[3] == "birds" and w.hero.kind in words.BIRDS)]
    do, doing, did, _, where = pick(w.rng, fitting)
    tip = pick(w.rng, ("slowly, one step at a time", "with your eyes closed first",
                       "and count to three before you begin",
                       "and do not think about who is watching", "a little every day", "and breathe calmly",
                       "in very small steps", "and laugh when it goes wrong", "to the beat of this song"))
    w.set(do=do, doing=doing, did=did, where=where, tip=tip)
    w.say("[More than anything, {h} wanted to {do}|There was one thing {h} could not do: {he} could not {do}|All {his} "
          "friends could {do}, only {h} could not|{h} had always dreamed of {doing}].")
    w.say("{when}, {he} [tried it|gave it a try|tried] {where}, but [it went all wrong|nothing worked|it was a "
          "disaster|it was much harder than it looked]. [{g}, {g.a}, saw it and laughed.|\"You will never learn it,\" "
          "said {g}, {g.a}.|\"That looks funny,\" said {g}, {g.a}.]")
    w.say("[{h} was close to tears.|\"I give up,\" {he} [said|muttered].|{h} wanted to hide.|{h} went home and shut "
          "the door.]")
    w.paragraph()
    w.say("[But {f}, {f.a}, had watched too|The next day {f}, {f.a}, came to visit|Then {f}, {f.a}, sat down beside "
          "{him}]. \"[I will teach you|I can help you|Nobody is born with it|I could not do it at first either],\" "
          "{f.he} said. \"Try it {tip}.\"")
    w.say("[{h} tried again and again|Every day they practised {where}|So {h} tried once more|They met every "
          "evening]. [At first it was hard|The first week was hard|{He} often had to start over], but {f} [never lost "
          "patience|was always kind|cheered at every little step].")
    w.paragraph()
    w.say("[And then, all at once|One day|After a week|After a month], it [worked|happened]: {h} [could {do}|{did} "
          "all by {himself}]! \"[I can do it|Look at me|It works]!\" {he} [cried|shouted].")
    w.say("[Even {g} clapped|{g} stared with open mouth|{g} came and said sorry|\"Can you teach me too?\" asked {g}]"
          "[.|, and {f} was proud of {h}.]")
    w.maybe(0.5, "To thank {f}, {h} [brought|gave] {f.him} {food}.")
    w.ask("[What did {h} want to learn?|What did {h} learn?|What could {h} not do at first?]",
          "{h} wanted to learn to {do}.")
    w.ask("[Who taught {h}?|Who helped {h}?|Who was {h}'s teacher?]", "{f.the} taught {h}.")
    w.ask("[Who laughed at {h}?|Who was not kind at first?|Who made fun of {h}?]", "It was {g.the}.")
    w.ask("[Where did {h} try it?|Where did {h} try it first?|Where did {h} practise?]", "{h} tried it {where}.")
    w.ask("[What was {f}'s advice?|What did {f} tell {h} to do?]", "The advice was to try it {tip}.")
    w.about("who wants to {do}", "{doing}", "{h.the} could not {do}, but {f.the} taught {h}.",
            "{h} learned to {do}.")


FEARS = (  # (what, kinds without it, what happens, what the hero does)
    ("the dark", words.NIGHT_KINDS, "{f} had not come home, and it was already night", "went out into the dark"),
    ("thunder", (), "in the middle of a thunderstorm, {f} was still outside", "ran out into the storm"),
    ("deep water", words.WATER_KINDS, "{f}'s boat was drifting away", "swam out to the boat"),
    ("high places", words.BIRDS, "{f} was stuck on the roof of the tower", "climbed up step by step"),
    ("the big dog", ("dog", "wolf"), "{f}'s hat had fallen into the yard of the big dog", "walked into the yard"),
    ("strangers", (), "{f} was ill and needed medicine from the stranger on the hill",
     "knocked at the stranger's door"),
    ("the old cave", ("bear", "dragon"), "{f} had fallen into the old cave", "crept into the cave"),
    ("spiders", (), "{f} was locked in a shed full of spiders", "opened the door of the shed"),
    ("the wind", (), "{f} was out on the hill in the wild wind", "went up the hill against the wind"))


def fear(w):
    """The hero is afraid, a friend is in need, and with something in hand the hero goes."""
    what, _, need, deed = pick(w.rng, [fear for fear in FEARS if w.hero.kind not in fear[1]])
    w.set(what=what, need=w.fill(need), deed=deed)
    w.say("{h} was [not afraid of much, but {he} was afraid of {what}|afraid of {what}|terribly afraid of {what}]. "
          "[Even the thought of it made {him} shiver.|Only {his} best friend knew it: {f}, {f.a}.|Nobody knew about "
          "it, except {f}, {f.a}.|{f}, {f.a} and {his} best friend, was the only one who knew.]")
    w.say("In {his} pocket {he} always carried {tri}, [a present from {his} grandmother|because it made {him} feel "
          "safe|just in case|and nobody knew why].")
    w.paragraph()
    w.say("[Then|But] [one day|one evening|one autumn day|one night], {need}. [\"Somebody has to help!\" cried {g}, "
          "{g.a}.|\"Help!\" called a small voice.|Everyone looked at {h}.|\"Who will go?\" asked {g}, {g.a}.]")
    w.say("[{h}'s heart beat fast|{h}'s knees shook|{h} swallowed hard|{h} turned pale]. [\"I am afraid,\" {he} "
          "whispered, \"but {f} needs me.\"|\"If I do not go, who will?\" {he} thought.|But a friend is a friend.]")
    w.say("[{He} took|{He} reached for|{He} held on to] {the_tri}, [took a deep breath|closed {his} eyes for a "
          "moment|counted to ten] and {deed}.")
    w.paragraph()
    w.say("[It was not as bad as {he} had thought|With every step {he} felt a little braver|Step by step, the fear "
          "grew smaller|Strangely, the fear was gone]. [A little later|Soon|In the end], {f} was safe.")
    w.say("\"[You came for me|You are so brave|I knew you would come]!\" said {f}, and [hugged {him}|held {his} "
          "hand|danced with joy]. [\"I was afraid all the time,\" said {h}. \"That is what brave means,\" said "
          "{f}.|{h} smiled and held up {the_tri}.|{h} was a bit proud of {himself}.]")
    w.ask("[What was {h} afraid of?|What scared {h}?|What was {h}'s fear?]", "{h} was afraid of {what}.")
    w.ask("[What did {h} carry?|What was in {h}'s pocket?|What made {h} feel safe?]", "{h} carried {tri}.")
    w.ask("[Who needed help?|Whom did {h} help?|Who was in trouble?]", "{f.the} needed help.")
    w.ask("[What did {h} do?|How did {h} help {f}?|What brave thing did {h} do?]", "{h} {deed}.")
    w.ask("[Why did {f} need help?|What had happened?|What happened to {f}?]", upper_first(w.slots["need"]) + ".")
    w.about("who is afraid of {what}", "courage", "{h.the} was afraid of {what}, but went to help {f}.",
            "{f} was safe, and {h} was not so afraid any more.", ("{tri}",))


def new_friend(w):
    """The hero is alone; somebody new arrives; a shared thing breaks the ice."""
    game = pick(w.rng, ("played hide-and-seek", "flew a paper kite", "built a tree house", "sailed paper boats",
                        "baked pancakes", "made a snow castle", "collected shells", "told riddles", "painted a fence",
                        "planted beans", "built a sand castle", "looked at the stars"))
    w.set(game=game)
    w.say("[But {he} had no friends|But {he} was often alone|The only trouble was that {he} had nobody to play "
          "with|{h} had everything {he} needed, only no friend]. [{He} [sat|stood] alone {in_place} with {his} "
          "{cobj}|All {he} had was {a_cobj}, and {he} took it for walks {in_place}|{His} only company was {a_cobj}].")
    w.paragraph()
    w.say("[Then, {when},|{when},] {f.a} [moved in next door|came to live nearby|moved into the empty house]. [{f.His} "
          "name was {f}.|It was {f}, who came from far away.|\"I am {f},\" {f.he} said quietly.]")
    w.say("[{h} was too shy to say a word|{h} wanted to say hello, but did not dare|Both were shy and only looked at "
          "each other|{h} waved, but {f} did not see it]. [A whole week went by.|So the first days passed.|Day after "
          "day went by.|]")
    w.say("[Then {h} had an idea|One day it rained, and {f} stood at the gate, wet and cold|{g}, {g.a}, said that "
          "somebody has to begin|\"Just be kind,\" {g}, {g.a}, told {him}]. {h} [took {food} and knocked at {f}'s "
          "door|brought {f} {food}|went over with {food}].")
    w.paragraph()
    w.say("\"[Is that for me|For me]?\" asked {f}, and {f.his} face lit up. \"[Nobody has been so nice to me here|I "
          "was afraid that nobody liked me|I have been waiting for a friend|Come in, come in].\"")
    w.say("[That very afternoon|The same day|Soon], they {game}, and {h} [let {f} hold|showed {f}|lent {f}] the "
          "{obj}.")
    w.say("[Now neither of them was alone|And {h} was never lonely again|They laughed until their bellies hurt|\"See "
          "you tomorrow,\" said {h}, and {f} nodded happily].")
    w.ask("[Why was {h} sad?|What did {h} not have?|What was {h}'s problem?]", "{h} had no friends.")
    w.ask("[Who moved in?|Who was the new neighbour?|Who became {h}'s friend?]", "It was {f.the}.")
    w.ask("[What did {h} bring?|What did {h} bring {f}?|What did {h} take along?]", "{h} brought {food}.")
    w.ask("[What did they do together?|What did they play?|What did {h} and {f} do?]", "They {game}.")
    w.ask("[What did {h} own?|What did {h} show {f}?]", "It was {a_cobj}.")
    w.about("who has no friends", "friendship", "{h.the} was lonely until {f.the} moved in.",
            "{h} and {f} {game} and became friends.", ("{a_obj}",))


def sick_friend(w):
    """A friend is ill, the remedy is far away, the hero fetches it."""
    herb = pick(w.rng, ("mint", "honey", "thyme", "ginger", "chamomile", "elder flowers", "lemon balm", "sage",
                        "rose hips",
                        "lime blossom", "blueberries", "fennel"))
    illness = pick(w.rng, ("a bad cough", "a high fever", "a sore throat", "a terrible cold", "a stomach ache",
                           "a headache"))
    w.set(herb=herb, ill=illness)
    w.say("{when}, {h} [went to see|wanted to visit|knocked at the door of] {his} friend {f}, {f.a}. [But {f} lay in "
          "bed with {ill}|{f} did not get up, for {f.he} had {ill}|But {f} had {ill} and could hardly speak].")
    w.say("[\"What can I do for you?\" asked {h}.|\"You poor thing,\" said {h}.|{h} sat down at the bedside.|{h} was "
          "worried.] \"[Only tea with {herb} would help|Tea with {herb} would make me well|My mother always made me "
          "tea with {herb}],\" said {f}. \"[But there is none in the house|But the shop has none|But I have none "
          "left].\"")
    w.paragraph()
    w.say("[\"I know where to look!\" said {h}|\"I will get some,\" said {h}|\"Wait here,\" said {h}], and "
          "[ran|hurried|walked quickly] to {place}. [The way was long|It began to rain|The wind blew hard|The sun "
          "burned hot], but {he} [did not stop|thought only of {f}|went on and on].")
    w.say("[There {he} met {g}, {g.a}|There stood {g}, {g.a}|{g}, {g.a}, was working there]. \"[Please, have you seen "
          "any {herb}|Do you know where I can find {herb}|May I have some {herb}]?\" asked {h}.")
    w.say("\"[Of course|Certainly|Yes],\" said {g}. \"[Look {spot}|You will find it {spot}].\" [And so it was|And "
          "really, there it was]. {h} [gave|handed] {g.him} {food} for it [and ran home|and hurried back|and said "
          "goodbye].")
    w.paragraph()
    w.say("[At {f}'s house, {h} made the tea|Back home, {h} put the kettle on|Soon the tea was ready]. {f} drank it "
          "[slowly|in small sips|to the last drop] and [slept all night|fell asleep at once|slept until noon].")
    w.say("[The next day|When {f.he} woke up|Two days later], {f} was [well again|fit again|as healthy as ever]. "
          "\"[You are the best doctor|You are a true friend|You saved me]!\" {f.he} said.")
    w.ask("[Who was ill?|Who was sick?]", "{f.the} was ill.")
    w.ask("[What was wrong with {f}?|What illness did {f} have?|Why was {f} in bed?]", "{f} had {ill}.")
    w.ask("[What did {f} need?|What did {h} look for?|What did {h} fetch?]", "{f} needed tea with {herb}.")
    w.ask("[Where did {h} go?|Where did {h} find it?|Where did {h} look?]", "{h} went to {place}.")
    w.ask("[Who told {h} where to look?|Whom did {h} meet?|Who did {h} meet?]", "{h} met {g.the}.")
    w.ask("[What did {h} give {g}?]", "{h} gave {g} {food}.")
    w.about("who helps a sick friend", "a sick friend", "{f.the} had {ill}, and {h.the} fetched {herb} from {place}.",
            "{f} was well again.", ("{herb}",))


OUTDOORS = (("meadow", "in"), ("park", "in"), ("beach", "on"), ("village square", "in"), ("heath", "on"),
            ("fairground", "at"), ("castle garden", "in"), ("vineyard", "in"))


def contest(w):
    """A race; the hero stops to help a rival, and is rewarded all the same."""
    race, speed = pick(w.rng, (("running race", "ran"), ("obstacle race", "ran"), ("wheelbarrow race", "raced"),
                               ("sack race", "hopped"), ("cart race", "raced")))
    name, preposition = pick(w.rng, OUTDOORS)
    w.set(race=race, a_race=a(race), ran=speed, place="the " + name, in_place=f"{preposition} the {name}")
    w.say("{when}, there was {a_race} {in_place}. [The prize was {a_cobj}|The winner would get {a_cobj}|First prize: "
          "{a_cobj}]. [{h} wanted to win it very much.|\"I will try,\" said {h}.|Everyone came to watch.|{h} had "
          "practised for weeks.]")
    w.say("[\"You? You have no chance,\" said {f}, {f.a}.|{f}, {f.a}, was the fastest of all and knew it.|Next to {h} "
          "stood {f}, {f.a}, who had won every year.]")
    w.paragraph()
    w.say("[{g}, {g.a}, waved {a_colour2} flag|{g}, {g.a}, blew a whistle|\"Ready, steady, go!\" called {g}, {g.a}], "
          "and they were off. [{f} {ran} ahead|{f} was soon in front|At first {f} was far ahead], and {h} {ran} as "
          "[fast|hard] as {he} could.")
    w.say("[But at the last bend|Halfway through|Shortly before the end], {f} [fell|slipped] and [hurt {f.his} "
          "foot|could not get up|cried out].")
    w.say("[{h} could have won now. But {he}|The way was free. But {h}|\"Now you can win!\" somebody shouted. But "
          "{h}] [stopped|turned around] and helped {f.him} up. [\"Lean on me,\" {he} said.|\"Are you hurt?\" {he} "
          "asked.|\"We will finish together,\" {he} said.]")
    w.paragraph()
    w.say("[Arm in arm|Side by side|Together], they came in [last|long after the others]. [But everyone clapped|The "
          "crowd cheered louder than ever|Nobody laughed]. And {g} [gave|handed] {h} the {cobj}. \"[This is for a "
          "good heart|The best one is the one who helps],\" {g.he} said.")
    w.say("[\"You deserve it,\" said {f}.|{f} was never proud again.|\"I am sorry for what I said,\" said {f}.|{f} "
          "clapped loudest of all.]")
    w.ask("[What was the prize?|What could they win?|What did {h} want to win?]", "The prize was {a_cobj}.")
    w.ask("[What kind of contest was it?|What kind of race was it?]", "It was {a_race}.")
    w.ask("[Who fell?|Whom did {h} help?|Who needed help?]", "{f.the} needed help.")
    w.ask("[Where was the race?|Where did it happen?]", "The race was {in_place}.")
    w.ask("[Who got the prize?|Who won the prize?]", "{h} got the prize.")
    w.ask("[Who gave the prize to {h}?|Who started the race?|Who led the race?]", "It was {g.the}.")
    w.about("who takes part in a race", "a race", "{h.the} stopped in {a_race} to help {f.the}.",
            "{h} got the {cobj} all the same.", ("{a_obj}",))


SCHEMES = ((learn, {}), (fear, {}), (new_friend, {}), (sick_friend, {}), (contest, {}))
