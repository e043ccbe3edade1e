"""Plots on the road and at work: losing the way, a rescue repaid, repairs, a garden, a wish, a show."""
import words
from grammar import pick, the


def lost_way(w):
    """The hero loses the way; a thing carried in the pocket and a helper bring the hero home."""
    tool, use = pick(w.rng, (("a tin whistle", "blew {it} three times"), ("a small bell", "rang {it} loudly"),
                             ("a little torch", "waved {it}"), ("a pocket mirror", "let {it} flash in the light"),
                             ("a toy drum", "beat {it} with both hands"), ("a red flag", "waved {it}"),
                             ("a wooden flute", "played a tune on {it}")))
    weather = pick(w.rng, ("thick fog", "heavy snow", "a sudden storm", "a cloud of dust", "the dark"))
    w.set(tool=tool, the_tool=the(tool), use=use.format(it="it"), use_tool=use.format(it=the(tool)), weather=weather)
    w.say("{when}, {h} [set out to visit|was on the way to|wanted to visit] {his} [grandmother|uncle|aunt|cousin], "
          "who lived behind {place}. \"[Take this|Take this with you|Put this in your bag],\" said {his} "
          "[mother|father], and gave {him} {tool}.")
    w.say("[{h} did not think {he} would need it|{h} put it in {his} bag|{h} laughed, but took it], [and off {he} "
          "went|and soon the house was out of sight|and went on {his} way].")
    w.paragraph()
    w.say("[But then came {weather}|Before long, {weather} came|Suddenly there was {weather}], and {he} could not see "
          "the path. [Every tree looked the same.|Left or right? {h} did not know.|\"I was here before,\" {h} said to "
          "{himself}.|{h} walked in a circle.]")
    w.say("[{h} was cold and tired|{h} was hungry and frightened|{h} almost cried]. [Then {he} remembered {his} "
          "bag|\"The bag!\" {he} thought|Then {he} put {his} hand in the bag]. {He} took out {the_tool} and {use}.")
    w.say("[Far away|Not far away|On the next hill], {f}, {f.a}, [noticed it|knew at once what it meant|stopped and "
          "turned]. \"[Somebody is lost|Somebody needs help],\" {f.he} said, and [came as fast as {f.he} "
          "could|hurried over|went to look].")
    w.paragraph()
    w.say("[\"Do not be afraid,\" said {f}. \"I know the way.\"|\"There you are,\" said {f}. \"Come with me.\"|\"Take "
          "my hand,\" said {f}.] {f.He} [led {h}|walked with {h}|brought {h}] [past {place}|around {place}|along "
          "{place}], and soon they saw [a light|smoke from a chimney|a warm window].")
    w.say("[There was {food} for both of them|They were given {food}|On the table stood {food}], and {f} stayed [for "
          "supper|until morning|a while]. [{h} never went anywhere without it again.|\"Now I know what it is for,\" "
          "said {h}.]")
    w.ask("[What did {h} take along?|What was in the bag?|What did {h} have in the bag?]", "{h} had {tool} in the bag.")
    w.ask("[Why did {h} get lost?|Why could {h} not see the path?|What happened on the way?]",
          "{h} got lost because of {weather}.")
    w.ask("[Who found {h}?|Who helped {h}?|Who brought {h} home?]", "{f.the} found {h}.")
    w.ask("[What did {h} do to get help?|How did {h} call for help?]", "{h} {use_tool}.")
    w.ask("[What was there to eat?|What did they eat?]", "There was {food}.")
    w.about("who gets lost", "losing the way", "{h.the} got lost because of {weather}, but {f.the} showed the way.",
            "{h} and {f} came out safe and had {food}.", ("{tool}",))


def rescue(w):
    """The hero frees somebody; later the favour is returned."""
    trap, free = pick(w.rng, (("was caught in a net", "untied the net"), ("was stuck in the mud", "pulled and pulled"),
                              ("lay under a heavy branch", "lifted the branch"),
                              ("was locked in a cage", "opened the cage"), ("had a thorn in the foot",
                                                                            "took out the thorn"),
                              ("was stuck between two rocks", "rolled away one of the rocks"),
                              ("had fallen into a pit", "lowered a rope")))
    later, back = pick(w.rng, (("{h}'s roof blew away", "helped to build a new one"),
                               ("{h} could not pay the rent", "brought a bag of coins"),
                               ("{h} fell into the river", "pulled {h} out"),
                               ("{h} lost the way in the fog", "showed {h} the way home"),
                               ("a fire broke out in {h}'s kitchen", "came with buckets of water"),
                               ("{h} was ill and all alone", "cooked soup and stayed all night"),
                               ("{h}'s boat sprang a leak", "came to the rescue in another boat")))
    w.set(trap=trap, free=free, later=w.fill(later), back=w.fill(back))
    w.say("{when}, {h} was [out {in_place}|{in_place}|alone {in_place}] when {he} heard [a cry|a weak voice|somebody "
          "calling|a strange noise]. [{He} looked around|{He} followed the sound|Quickly {he} went to see]: {f}, "
          "{f.a}, {trap}.")
    w.say("\"[Please help me|Help me, please|Help]!\" [said|cried|begged] {f}. [\"Hold still,\" said {h}.|{h} did not "
          "think twice.|\"Do not worry,\" said {h}.|{h} dropped {his} {obj} at once.]")
    w.say("{He} {free}, and soon {f} was [safe|safe again]. \"[One day I will help you too|I will never forget "
          "this|If you ever need me, call my name],\" said {f}. [{h} only smiled.|\"It was nothing,\" said {h}.|{h} "
          "waved and went home.|{g}, {g.a}, only laughed at that.]")
    w.paragraph()
    w.say("[Weeks went by.|The summer passed.|A year went by.|Time passed.] Then, [one stormy night|one day|one "
          "winter night|on an unlucky day], {later}. [Nobody was near.|What was {he} to do?|It looked very "
          "bad.|\"{f}!\" {he} called.]")
    w.say("[But {f} had heard of it|But {f} had not forgotten|Then there were quick steps]. {f} [came at once and|"
          "kept {f.his} word and|was there in no time and] {back}.")
    w.paragraph()
    w.say("[\"You see,\" said {f}, \"I promised.\"|\"Now we are even,\" said {f}, and both laughed.|\"Once you helped "
          "me, now I help you,\" said {f}.] [Then they shared {food}.|{h} thanked {f.him} with {food}.|They sat down "
          "and had {food}.]")
    w.ask("[What happened to {f}?|What was {f}'s trouble?|Why did {f} call for help?]", "{f} {trap}.")
    w.ask("[How did {h} help {f}?|What did {h} do for {f}?]", "{h} {free}.")
    w.ask("[How did {f} help {h}?|How did {f} return the favour?|What did {f} do for {h}?]", "{f} {back}.")
    w.ask("[Where did {h} hear the voice?|Where did {h} find {f}?|Where was {f}?]", "{f} was {in_place}.")
    w.ask("[What happened to {h} later?|What was {h}'s trouble later?]", "Later, {later}.")
    w.ask("[What did they eat?|What did they share?]", "They had {food}.")
    w.about("who helps somebody in trouble", "a kept promise", "{h.the} helped {f.the}, and later {f} helped {h}.",
            "{f} {back}.", ("{place}",))


def repair(w):
    """Something that all need is broken; hero and helper find a material and mend it."""
    thing, wreck = pick(w.rng, (("bridge", "a flood had torn away"), ("school roof", "the storm had torn off"),
                                ("village clock", "lightning had stopped"), ("windmill", "a gale had broken"),
                                ("garden wall", "a falling tree had smashed"), ("well", "a landslide had filled"),
                                ("fence", "the wind had blown down"), ("ferry", "a wave had thrown on the rocks"),
                                ("bell tower", "an earthquake had shaken")))
    material, source = pick(w.rng, (("boards", "an old ship"), ("ropes", "a fishing boat"), ("bricks",
                                                                                             "a ruined tower"),
                                    ("nails", "the smith's workshop"), ("sailcloth", "the harbour"),
                                    ("straw", "a big barn"), ("iron wheels", "a broken cart"), ("copper wire",
                                                                                                "an attic")))
    w.set(thing=thing, wreck=wreck, material=material, source=source)
    w.say("[After a wild night|{when}|After three days of rain], {h} [looked out of the window|went outside|came out "
          "of the door] and [could not believe {his} eyes|got a fright|stood still]: {wreck} the {thing}!")
    w.say("[\"What shall we do without the {thing}?\" asked {g}, {g.a}.|Everybody needed the {thing}.|\"This can "
          "never be fixed,\" said {g}, {g.a}.|People stood around and shook their heads.]")
    w.say("[\"We will mend it,\" said {h}.|\"Let us try,\" said {h}.|But {h} had a plan.|\"Talking does not help,\" "
          "said {h}.] [\"Alone?\" asked {f}, {f.a}. \"No, I am coming with you.\"|\"I will help,\" said {f}, "
          "{f.a}.|Only {f}, {f.a}, stepped forward to help.]")
    w.paragraph()
    w.say("[But they needed {material}|First they had to find {material}|What they needed was {material}]. [They "
          "looked everywhere|They asked at every door|They thought hard], and [at last|in the end|finally] they got "
          "{material} from {source}.")
    w.say("[All day|From morning till night|For two days] they [worked|sawed and hammered|pulled and pushed]. [{h} "
          "brought {food}, and they took a rest|When they were tired, {f} sang a song|{f} hit {f.his} thumb "
          "twice, but went on].")
    w.paragraph()
    w.say("[When the sun went down|At last|On the third day], the {thing} [stood there as good as new|was better than "
          "before|was ready]. [Everybody cheered.|People came from all sides to see it.|There was music and dancing.]")
    w.say("[{h} and {f} got {a_cobj} as a reward|As a reward, they were given {a_cobj}|They were given {a_cobj} to "
          "say thank you], and [they kept it together|they were very proud of it|they showed it to everyone].")
    w.ask("[What was broken?|What did they repair?|What did they mend?]", "The {thing} was broken.")
    w.ask("[What did they need?|What material did they need?]", "They needed {material}.")
    w.ask("[Where did they get the {material}?|Where did the {material} come from?]",
          "They got {material} from {source}.")
    w.ask("[Who helped {h}?|Who worked with {h}?]", "{f.the} helped {h}.")
    w.ask("[What was the reward?|What did they get as a reward?]", "The reward was {a_cobj}.")
    w.about("who repairs a {thing}", "a broken {thing}", "{h.the} and {f.the} repaired the {thing} with {material} "
                                                         "from {source}.",
            "The {thing} was mended, and they got {a_cobj}.", ("a {thing}",))


def garden(w):
    """The hero plants a seed, waits, saves it with a helper, and shares what grows."""
    plant = pick(w.rng, ("pumpkin", "sunflower", "pear tree", "cherry tree", "melon", "bean", "rose", "cabbage",
                         "turnip",
                         "tulip", "plum tree", "lemon tree", "strawberry", "radish"))
    trouble, cure = pick(w.rng, (("there was no rain for weeks", "carried water from the brook"),
                                 ("the nights were full of frost", "covered it with a blanket"),
                                 ("snails came from all sides", "built a little wall of sand"),
                                 ("the wind bent it to the ground", "tied it to a stick"),
                                 ("hungry birds came every day", "put up a scarecrow"),
                                 ("tall weeds took all the light", "pulled out the weeds one by one")))
    w.set(plant=plant, a_plant=("an " if plant[0] in "aeiou" else "a ") + plant, trouble=trouble, cure=cure)
    w.say("{when}, {h} [found|was given|picked up] a [tiny|single|small] {plant} seed {in_place}. [\"It will never "
          "grow,\" said {g}, {g.a}.|\"So small a seed!\" laughed {g}, {g.a}.|\"What will you do with that?\" asked "
          "{g}, {g.a}.]")
    w.say("[But {h} planted it behind the house|But {h} dug a hole and put it in|{h} planted it all the same] and "
          "[watered it every day|waited|sang to it every evening]. [One week passed, then two.|For a long time "
          "nothing happened.|Day after day the ground stayed bare.]")
    w.say("[Then, at last|And then, one morning|Suddenly], [there was a green tip|a green leaf came out of the "
          "earth|something green looked out]! [{h} danced around it.|\"Good morning, little one,\" said {h}.|{h} was "
          "full of joy.]")
    w.paragraph()
    w.say("But [then|soon|that month] {trouble}. [\"My poor plant,\" said {h}.|The plant hung its leaves.|{h} did not "
          "know what to do.] [{f}, {f.a}, looked over the fence|{f}, {f.a}, saw it|{f}, {f.a}, heard about it]. "
          "\"[Let me help you|We can save it|I know what to do],\" {f.he} said, and together they {cure}.")
    w.paragraph()
    w.say("[After that|From then on|And see], it grew and grew, until it was [the biggest {plant} anyone had ever "
          "seen|a wonder to look at|the talk of the whole country].")
    w.say("[People came from far away|Even {g} came|All the neighbours came to see it], and {h} [had a party|invited "
          "everyone|laid a long table], with {food} [for all|and music|on the table]. [\"Half of it is yours,\" {he} "
          "said to {f}.|And {f} sat in the best chair.|\"We did it together,\" {he} told {f}.]")
    w.ask("[What did {h} plant?|What grew in the garden?|What kind of seed was it?]", "{h} planted a {plant} seed.")
    w.ask("[Who did not believe in the seed?|Who laughed at the seed?|Who had doubts?]", "It was {g.the}.")
    w.ask("[What was the problem?|What went wrong?|What was the trouble?]", "The trouble was that {trouble}.")
    w.ask("[How did they save it?|How did they save the plant?|What did they do?]", "They {cure}.")
    w.ask("[Who helped {h}?|Who helped with the plant?]", "{f.the} helped {h}.")
    w.ask("[Where did {h} get the seed?|Where did the seed come from?]", "{h} got the seed {in_place}.")
    w.about("who plants a seed", "a garden", "{h.the} planted a {plant} seed, and {f.the} helped to save it.",
            "The {plant} grew big, and there was a party with {food}.", ("a {plant} seed",))


def wish(w):
    """The hero may make one wish, and spends it on somebody else."""
    source = pick(w.rng, ("a talking fish", "an old lamp", "a star that fell from the sky", "a wishing well",
                          "a silver coin with a face", "a tiny fairy in a bottle", "a magic acorn", "a golden feather"))
    wanted, need, gift = pick(w.rng, (
        ("a house of gold", "had no roof over {f.his} head", "a warm little house"),
        ("a mountain of cake", "had nothing to eat", "a table full of food"),
        ("a pair of wings", "had a broken leg", "two healthy legs"),
        ("a chest of jewels", "had lost {f.his} coat in the snow", "a thick warm coat"),
        ("a boat with white sails", "could not see any more", "good eyes"),
        ("a crown", "had no voice left to sing", "the finest voice in the land")))
    w.set(source=source, wanted=wanted, need=w.fill(need), gift=gift)
    w.say("{when}, {h} found {source} {in_place}. \"[You have one wish|I will grant you one wish|Make a wish, but "
          "only one],\" said a [soft|deep|strange|small] voice. [{h} nearly fell over.|{h} could hardly believe "
          "it.|{h} looked left and right.]")
    w.say("[What a choice!|One wish!|{h} thought and thought.] [{He} had always wanted|{He} had often dreamed of] "
          "{wanted}. \"[May I think about it|May I tell you tomorrow|Can you wait a little]?\" {he} asked.")
    w.paragraph()
    w.say("[On the way home|A little later|In front of {his} house], {he} met {f}, {f.a}, who {need}. [{f} did not "
          "complain.|\"It is not so bad,\" said {f}.|{f} tried to smile.|{f} sat on the ground and sighed.] [{h} gave "
          "{f.him} {food}, but that was not enough.|{h} gave {f.him} {food} and thought for a long time.]")
    w.say("[\"I can live without {wanted},\" {h} [said|thought].|Now {h} knew what to wish for.|That night {h} could "
          "not sleep.] [So {he} went back|{He} ran back|The next morning {he} returned] and said, \"I wish that {f} "
          "had {gift}.\"")
    w.paragraph()
    w.say("[There was a flash of light|There was a sound like bells|The air smelled of roses|A warm wind blew], and "
          "[it was done|the wish came true|{f} had {gift}]. \"[How did this happen|Is this a dream]?\" asked {f}. "
          "[{h} only smiled.|{h} said nothing.|{h} never told {f.him}.]")
    w.ask("[What did {h} find?|Who granted the wish?|Where did the wish come from?]", "{h} found {source}.")
    w.ask("[What had {h} always wanted?|What did {h} dream of?]", "{h} had always wanted {wanted}.")
    w.ask("[What did {h} wish for?|What was the wish?|How did {h} use the wish?]", "{h} wished that {f} had {gift}.")
    w.ask("[Who got the wish?|For whom was the wish?|Whom did {h} help?]", "The wish was for {f.the}.")
    w.ask("[Why did {h} help {f}?|What was {f}'s trouble?]", "{f} {need}.")
    w.ask("[What did {h} give {f} to eat?]", "{h} gave {f} {food}.")
    w.about("who gets one wish", "a wish", "{h.the} found {source} and used the wish to help {f.the}.",
            "{f} had {gift}.", ("{source}",))


def show(w):
    """Stage fright: the hero is to perform, a helper stands by, all goes well."""
    act = pick(w.rng, ("sing a song", "read a poem", "play the trumpet", "do a magic trick", "dance alone",
                       "tell a story",
                       "play the moon", "juggle five balls", "give a speech", "play the king's part"))
    mishap, cure = pick(w.rng, (("the lights went out", "lit a hundred candles"), ("the curtain got stuck",
                                                                                   "pulled it up by hand"),
                                ("{h} forgot the first word", "whispered it"), ("{h}'s costume tore",
                                                                                "sewed it in a minute"),
                                ("the music stopped", "clapped the beat"), ("somebody began to cough loudly",
                                                                            "fetched a glass of "
                                                                            "water")))
    w.set(act=act, mishap=w.fill(mishap), cure=cure)
    w.say("{when}, there was to be a big show {in_place}. [{h} was to {act}.|\"You will {act},\" {g}, {g.a}, told "
          "{h}.|{h} had promised to {act}.]")
    w.say("[For good luck {he} had brought {a_cobj}|{He} had {a_cobj} with {him} for good luck]. [But now {his} knees "
          "were shaking|But when {he} saw all the people, {he} wanted to run away|But {his} mouth was dry].")
    w.say("[\"I cannot do it,\" {he} whispered.|\"What if I make a mistake?\" {he} asked.|\"Everybody will laugh,\" "
          "{he} said.] \"[Look only at me|Just think of {food}|Take a deep breath|You can do it],\" said {f}, {f.a}. "
          "\"[I will stand right here|I am with you|I will be in the first row].\"")
    w.paragraph()
    w.say("[{h} stepped forward and began|So {h} went on the stage|The bell rang, and {h} walked into the light]. "
          "[All at once|But then|After a minute], {mishap}! [A murmur went through the crowd.|Everybody held their "
          "breath.|{h} froze.]")
    w.say("[But {f} was quick|{f} did not hesitate|Luckily, {f} was there]. {f.He} {cure}, and [the show went on|{h} "
          "could go on|{h} started again, louder than before].")
    w.paragraph()
    w.say("[At the end|When it was over|After the last word], [people threw flowers|the applause was like "
          "thunder|everyone stood up and clapped]. [\"You were wonderful,\" said {f}.|{h} bowed and pulled {f} onto "
          "the stage.|\"That was for you too,\" {h} said to {f}.] [Then they had {food}.|Afterwards there was "
          "{food}.]")
    w.ask("[What did {h} have to do?|What was {h} to do in the show?|What was {h}'s part?]", "{h} had to {act}.")
    w.ask("[Where was the show?|Where did the show take place?]", "The show was {in_place}.")
    w.ask("[What went wrong?|What happened during the show?|What was the mishap?]", "During the show, {mishap}.")
    w.ask("[Who helped {h}?|Who saved the show?]", "{f.the} helped {h}.")
    w.ask("[What did {f} do?|How did {f} help {h}?|How did {f} save the show?]", "{f} {cure}.")
    w.ask("[What did {h} bring for good luck?|What was the lucky charm?]", "{h} brought {a_cobj}.")
    w.about("who has to {act}", "a show", "{h.the} had to {act} in a show, and {f.the} helped when {mishap}.",
            "The show went well, and then there was {food}.", ("{a_obj}",))


SCHEMES = ((lost_way, {}), (rescue, {}), (repair, {}), (garden, {}), (wish, {}), (show, {}))
