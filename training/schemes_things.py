"""Plots that turn on a thing: lost, found, wanted, traded, delivered, or gone from the table."""
import words
from grammar import a, pick, sample


def lost(w):
    """The hero loses something dear, a helper knows where it is, the hero thanks the helper."""
    w.say("[{His} [dearest treasure|favourite thing|most precious thing] was {a_cobj}|Of all {his} things, {h} loved "
          "{his} {cobj} [most|best]|{h} had {a_cobj} that {he} loved very much][, a gift from {his} grandmother|, and "
          "{he} kept it very clean|, and it had once belonged to {his} grandfather||].")
    w.paragraph()
    w.say("[{when}, {h} went for a walk {in_place}. When {he} came home, the {obj} was gone"
          "|But {when}, {h} came home from {place} and saw that the {obj} was missing"
          "|{when}, on the way back from {place}, {h} noticed that {he} had lost the {obj}"
          "|Then, {when}, something sad happened. Somewhere {in_place}, {h} lost the {obj}].")
    w.say("[{He} looked [under the bed|in every drawer|behind the stove|in all {his} pockets], but it was not there|"
          "{He} searched and searched, but found nothing|A big tear ran down {his} cheek|{He} turned back at once and "
          "looked everywhere, but there was no {obj} to be seen].")
    w.say("[\"Where can my {obj} be?\" {he} [cried|asked|sighed].|\"Oh no,\" said {h}, \"my {colour} {obj}!\"|"
          "\"I must find it before dark,\" {he} said.|\"Without my {obj} I am not happy,\" {he} said.]")
    w.paragraph()
    w.say("[Just then|After a while|A little later|Soon], {f.a} [came by|came along the path|stopped beside {him}]. "
          "[{f.His} name was {f}.|It was {f}.|This was {f}, and {f.he} [lived nearby|had sharp eyes|knew every path].]")
    w.say("\"[Why are you so sad|What is the matter|What are you looking for|Why do you look so worried]?\" asked {f}. "
          "{h} [told {f.him} everything|explained what had happened|told {f.him} about the {cobj}].")
    w.say("[\"I think I saw it {spot},\" said {f}. \"[Come with me|Follow me|Let us look together]!\""
          "|\"Something {colour} was lying {spot} this morning,\" said {f}."
          "|\"Do not cry,\" said {f}. \"I know a good place to look.\"]")
    w.say("[Together they went back to {place}|They walked to {place} side by side|So they hurried to {place}], and "
          "there, {spot}, [was|lay] the {obj}[.|!|, a bit dusty but whole.| {h} had missed so much.]")
    w.paragraph()
    w.say("[\"Thank you!\" {h} cried|\"Oh, thank you, {f}!\" said {h}|{h} jumped for joy], and {he} gave {f.him} "
          "{food} [as a thank-you|to say thank you|in return].")
    w.ask("[What did {h} lose?|What was lost?|What was missing?]", "{h} lost {a_cobj}.")
    w.ask("[What colour was the {obj}?|What color was the {obj}?]", "The {obj} was {colour}.")
    w.ask("[Where was the {obj}?|Where did they find the {obj}?|Where was the {obj} found?]",
          "The {obj} was {in_place}, {spot}.")
    w.ask("[Who helped {h}?|Who helped {h} to find it?]", "{f.the} helped {h}.")
    w.ask("[What did {h} give {f}?|What did {f} get as a thank-you?]", "{h} gave {f} {food}.")
    w.about("who loses {a_obj}", "a lost {obj}", "{h.the} lost {a_cobj}, and {f.the} helped to find it {in_place}.",
            "{h} got the {obj} back and gave {f} {food}.", ("{a_obj}", "{a_cobj}"))


def found(w):
    """The hero finds something that is not {his}, asks around, and brings it back."""
    w.say("{when}, {h} [found|saw|discovered|stumbled over] {a_cobj} {in_place}. [It lay|It was lying] {spot}.")
    w.say("[\"What a [beautiful|fine|lovely] {obj},\" {he} [thought|said].|It was so [pretty|fine|shiny] that {h} "
          "could hardly look away.|{h} picked it up and [wiped off the dust|turned it over|looked at it closely].]")
    w.say("[It would be nice to keep it, but somebody might miss it|\"Somebody must be looking for it,\" {he} said|"
          "{He} wanted to keep it, but that did not feel right|\"It is not mine,\" {he} thought]. "
          "So {h} [set off|went off|decided] to find the owner.")
    w.paragraph()
    w.say("[First|At once], {he} [asked|went to] {g}, {g.a}. \"Is this your {obj}?\" {h} asked.")
    w.say("\"[No|No, sorry|Not mine|I am afraid not],\" said {g}. \"[Mine is {colour2}|I have never had one|"
          "I have never seen it|But {f} was looking for something this morning].\"")
    w.say("[Then|Next|After that], {h} [walked|went|hurried] on until {he} [met|came to] {f}, {f.a}, who was [sitting "
          "sadly on a step|searching the ground|looking very unhappy|crying quietly].")
    w.say("[\"Are you looking for this?\" asked {h}, and held out the {obj}.|{h} held up the {obj}. \"Is it yours?\" "
          "{he} asked.|When {f} saw the {obj}, {f.his} eyes grew wide.]")
    w.say("\"[My {obj}|That is my {obj}|Yes, it is mine]!\" cried {f}. \"[I thought it was gone for ever|I have been "
          "looking for it all day|I lost it on the way to {place}|It was a present from my sister].\"")
    w.paragraph()
    w.say("{f} was so [happy|glad|thankful] that {f.he} [gave|handed] {h} {food}. [\"You are honest,\" {f.he} said.|"
          "\"You have a good heart,\" {f.he} said.|{h} felt warm inside.|They shared it on the spot.]")
    w.ask("[What did {h} find?|What was found?]", "{h} found {a_cobj}.")
    w.ask("[Where did {h} find the {obj}?|Where was the {obj}?]", "{h} found the {obj} {in_place}, {spot}.")
    w.ask("[Whose {obj} was it?|Who was the owner of the {obj}?|Who owned the {obj}?]",
          "The {obj} belonged to {f.the}.")
    w.ask("[Who did {h} ask first?|Whom did {h} ask first?]", "{h} asked {g.the} first.")
    w.ask("[What colour was the {obj}?|What color was the {obj}?]", "The {obj} was {colour}.")
    w.ask("[What did {f} give {h}?|What did {h} get as a reward?]", "{f} gave {h} {food}.")
    w.about("who finds {a_obj}", "a {obj} without an owner", "{h.the} found {a_cobj} and brought it back to {f.the}.",
            "{f} got the {obj} back and gave {h} {food}.", ("{a_obj}", "{a_cobj}"))


def quarrel(w):
    """Two friends want the same toy; it comes to harm; they mend it and share."""
    w.set(obj=pick(w.rng, words.TOYS))
    w.set(a_obj=a(w.slots["obj"]), cobj=w.fill("{colour} {obj}"), a_cobj=a(w.fill("{colour} {obj}")))
    harm, cure = pick(w.rng, (("[broke in two|cracked down the middle]", "glued it together"),
                              ("fell into a [deep hole|dry well]", "pulled it out with a long rope"),
                              ("got stuck high in a tree", "got it down with a long pole"),
                              ("[flew over the wall|landed behind a high wall]", "climbed over the wall to fetch it")))
    w.set(harm=w.fill(harm), cure=w.fill(cure))
    w.say("[{His} best friend was {f}, {f.a}|{He} often played with {f}, {f.a}|Next door lived {f}, {f.a}, and the two "
          "were friends].")
    w.say("{when}, they [found {a_cobj} {in_place}|saw {a_cobj} lying {in_place}|discovered {a_cobj} {in_place}].")
    w.paragraph()
    w.say("[\"I saw it first!\" said {h}. \"No, I did!\" said {f}.|\"It is mine!\" cried {h}. \"No, mine!\" cried {f}.|"
          "Both of them wanted it. \"Give it to me!\" said {f}. \"Never!\" said {h}.]")
    w.say("[They pulled and pulled|{h} pulled on one side and {f} on the other|They pushed and shouted], until the "
          "{obj} {harm}.")
    w.say("[Now it was very quiet|Then both were silent|For a while nobody spoke|They stared at each other]. [\"Look "
          "what we have done,\" said {f}.|\"That was silly of us,\" said {h}.|{h} felt ashamed, and so did {f}.]")
    w.paragraph()
    w.say("[\"I am sorry,\" said {h}.|\"Let us not fight,\" {h} said.|\"I was unkind,\" said {h}.] [\"I am sorry "
          "too,\" said {f}.|{f} nodded. \"So was I.\"|\"We can fix it together,\" said {f}.]")
    w.say("[They worked side by side and|With a lot of patience, they|It took all afternoon, but they|Together they] "
          "{cure}.")
    w.say("[Now|After that|From then on], {h} had the {obj} [in the morning and {f} had it in the afternoon|on one "
          "day and {f} on the next|until noon, and then it was {f}'s turn]. [But most of all they liked to play with "
          "it together.|It was more fun that way.|And nobody quarrelled any more.]")
    w.ask("[What did they quarrel about?|What did both of them want?|What did {h} and {f} fight over?]",
          "They quarrelled about {a_cobj}.")
    w.ask("[Where did they find the {obj}?|Where was the {obj}?]", "They found the {obj} {in_place}.")
    w.ask("[What happened to the {obj}?]", "The {obj} {harm}.")
    w.ask("[Who quarrelled with {h}?|Who was {h}'s friend?|With whom did {h} quarrel?]", "It was {f.the}.")
    w.ask("[How did they fix it?|What did they do in the end?]", "They {cure}.")
    w.about("who quarrels with a friend", "a quarrel", "{h.the} and {f.the} quarrelled about {a_cobj} and made up "
                                                       "again.",
            "They {cure} and shared the {obj}.", ("{a_obj}",))


def trade(w):
    """The hero wants a thing, and gets it by a chain of two trades."""
    wanted, middle = sample(w.rng, [item for item in words.OBJECTS if item != w.object], 2)
    w.set(want=wanted, a_want=a(wanted), middle=middle, a_middle=a(middle))
    w.say("{h} had {a_cobj}, but [what {he} really wanted was|{he} dreamed of|{he} wished for] {a_want}. [\"If only I "
          "had one,\" {he} [sighed|said].|{He} thought of it day and night.|But {he} had no money.|]")
    w.paragraph()
    w.say("{when}, {he} went to {place}. There {he} met {g}, {g.a}, who had {a_middle}.")
    w.say("\"[I like your {obj}|What a fine {obj}|I need {a_obj} just like yours],\" said {g}. \"[Will you trade it "
          "for my {middle}|Shall we trade|Would you like my {middle} for it]?\"")
    w.say("[{h} thought about it and said yes.|\"Yes,\" said {h}, \"why not?\"|{h} nodded, and they shook hands.|\"All "
          "right,\" said {h}, \"that is fair.\"|\"That is a good trade,\" said {h}.]")
    w.paragraph()
    w.say("[A bit further on|Around the corner|On the way home], {h} met {f}, {f.a}. {f} [had {a_want}|was carrying "
          "{a_want}|was holding {a_want}], [but {f.he} looked unhappy|and {f.he} sighed|but {f.he} did not want it].")
    w.say("\"[I do not need {a_want}|This {want} is of no use to me|I am tired of this {want}],\" said {f}. \"[What I "
          "need is {a_middle}|I would rather have {a_middle}|I am looking for {a_middle}].\"")
    w.say("[\"Then take mine,\" said {h}.|{h} could hardly believe it. \"Here is one!\" {he} said.|\"What luck!\" "
          "cried {h}. \"I have one right here.\"] [So they traded|And they traded at once|They traded, and both were "
          "glad].")
    w.paragraph()
    w.say("[{h} walked home with {his} {want}|Happily, {h} carried the {want} home|{h} ran home with the {want}] and "
          "[hummed a song|could not stop smiling|showed it to everybody].")
    w.ask("[What did {h} want?|What did {h} wish for?]", "{h} wanted {a_want}.")
    w.ask("[What did {h} have first?|What did {h} have at the start?]", "{h} had {a_cobj} at first.")
    w.ask("[What did {g} give {h}?|What did {h} get from {g}?]", "{g} gave {h} {a_middle}.")
    w.ask("[What did {f} give {h}?|Who had the {want}?|Who gave {h} the {want}?]", "{f.the} gave {h} the {want}.")
    w.ask("[Where did {h} meet {g}?|Where did the first trade happen?]", "{h} met {g} {in_place}.")
    w.about("who wants {a_want}", "a lucky trade",
            "{h.the} traded {a_obj} for {a_middle}, and the {middle} for {a_want}.",
            "{h} got the {want} and was happy.", ("{a_want}", "{a_obj}"))


def mystery(w):
    """Food disappears at night; the hero keeps watch and finds somebody hungry."""
    w.say("{h} [made|prepared|bought] {food} and put it on the [window sill|kitchen table|garden table]. [But in the "
          "morning|The next morning|But at sunrise], it was gone!")
    w.say("[\"Who took it?\" {he} [wondered|asked].|\"How strange,\" said {h}.|\"A thief!\" cried {h}.] {He} tried "
          "again, and [again it disappeared|the next night it happened again|again there was only an empty plate].")
    w.paragraph()
    w.say("So the next [evening|night], {h} [hid behind the curtain|sat down behind a barrel|hid under the "
          "table|crept behind a bush] with {tri} [and waited|and kept very still|and did not make a sound].")
    w.say("[At midnight|When the moon was high|Much later|After a long while], [something rustled|a twig snapped|there "
          "were soft steps|the gate creaked]. It was {f}, {f.a}!")
    w.say("[\"Stop!\" said {h}. \"Why do you take my food?\"|\"So it was you!\" said {h}.|\"What are you doing "
          "here?\" asked {h}.] {f} [turned red|began to cry|hung {f.his} head|trembled].")
    w.say("\"[I am sorry|Please do not be angry|Forgive me],\" {f.he} said. \"[I have been so hungry|My cupboard is "
          "empty|I have nothing left to eat|I lost my way and have had no food] since [the flood|the long winter|I "
          "came to {place}|my roof fell in].\"")
    w.paragraph()
    w.say("[{h} was no longer angry|Then {h} felt sorry for {f.him}|{h} put a hand on {f.his} shoulder|{h} had to "
          "smile]. \"[Next time, just ask|You only had to ask|Come in and eat with me|Sit down, there is enough for "
          "two],\" {he} said.")
    w.say("[They shared {food2}|{h} fetched {food2}, and they had it together|That night they shared {food2} by the "
          "stove], and [nothing ever disappeared again|{f} never had to steal again|{f} came to supper every week].")
    w.ask("[What disappeared?|What was gone in the morning?|What was stolen?]", "It was {food}.")
    w.ask("[Who took the food?|Who was the thief?|Who took it?]", "{f.the} took it.")
    w.ask("[What did {h} take along to keep watch?|What did {h} have while waiting?]", "{h} had {tri}.")
    w.ask("[Why did {f} take the food?|Why did {f} steal?]", "{f} was hungry.")
    w.ask("[What did they share?|What did they eat together?]", "They shared {food2}.")
    w.about("who catches a thief", "a mystery at night", "{food} disappeared, and {h.the} found out that {f.the} was "
                                                         "hungry.",
            "{h} shared {food2} with {f}.", ("{tri}",))


def delivery(w):
    """The hero carries a thing to somebody far away; something is in the way; a helper knows how."""
    block, way = pick(w.rng, (("the bridge was broken", "carried {him} over the water"),
                              ("a big tree lay across the road", "showed {him} a path around it"),
                              ("thick fog covered everything", "walked ahead with a light"),
                              ("the river had flooded the road", "took {him} across in a boat"),
                              ("deep snow blocked the path", "pulled {him} on a sledge"),
                              ("the gate was locked", "opened it with an old key")))
    w.set(block=block, way=w.fill(way))
    w.say("{when}, {h} had [an important task|a job to do|something to do]: {he} was to [bring|carry|take] {a_cobj} "
          "to {g}, {g.a}, who lived near {place}.")
    w.say("[\"Be there before dark,\" {his} [mother|father|aunt|uncle] said.|\"Take good care of it,\" said {his} "
          "[mother|father|grandmother].|{g} was waiting for it.|It was a birthday present.]")
    w.say("{h} [packed {food}|put {food} in {his} bag|took {food} for the way] and [set off|started early|went on "
          "{his} way], [singing|whistling|humming|full of hope].")
    w.paragraph()
    w.say("But [halfway there|after an hour|behind the last house|soon], {block}. [\"What now?\" {h} "
          "[asked|said].|{h} could not go on.|{h} sat down on a stone and did not know what to do.|\"I cannot turn "
          "back,\" {he} thought.]")
    w.say("[Then|Luckily|At that moment], {f}, {f.a}, [came along|came out of the bushes|waved from the other "
          "side|heard {him}]. \"[May I help you|Do you need help|Where are you going]?\" {f.he} asked.")
    w.say("[{h} explained everything, and|{h} told {f.him} about the {obj}, and|\"I must get to {place},\" said {h}. "
          "So] {f} {way}. [To thank {f.him}|In return|As thanks], {h} gave {f.him} {food}.")
    w.paragraph()
    w.say("[The sun was just going down|It was almost dark|The first stars were out|The clock struck six] when {h} "
          "[knocked at {g}'s door|reached {g}'s house|stood before {g}].")
    w.say("[{g} held the {obj} like a treasure.|\"My {obj}!\" said {g}. \"You are a hero.\"|\"You came after all!\" "
          "said {g}.|{g} took the {obj} and smiled from ear to ear.]")
    w.ask("[What did {h} carry?|What did {h} have to bring?|What was {h}'s task?]", "{h} had to bring {a_cobj} to {g}.")
    w.ask("[Who was the {obj} for?|Who got the {obj}?]", "The {obj} was for {g.the}.")
    w.ask("[What was in the way?|Why could {h} not go on?|What was the problem?]",
          "{h} could not go on because {block}.")
    w.ask("[Who helped {h}?|Who helped {h} on the way?]", "{f.the} helped {h}.")
    w.ask("[How did {f} help?|What did {f} do?|How did {f} help {h}?]", "{f} {way}.")
    w.ask("[What did {h} give {f}?]", "{h} gave {f} {food}.")
    w.about("who has to deliver {a_obj}", "a delivery", "{h.the} brought {a_cobj} to {g.the}, with help from {f.the}.",
            "{g} got the {obj} in time.", ("{a_obj}", "{a_cobj}"))


def surprise(w):
    """The hero thinks that everybody forgot; they prepared a surprise."""
    w.say("[It was {h}'s birthday|{when}, {h} woke up early, because it was {his} birthday|At last the day had come: "
          "{h}'s birthday]. [But nobody said a word|But nobody seemed to know|But the house was empty|But all was "
          "quiet].")
    w.say("[{He} waited at the door, but no guest came|{He} looked into the letter box, but there was no letter|{He} "
          "put on {his} best clothes and waited].")
    w.say("{He} went to {f}, {f.a} who lived next door, but {f} [had no time|only said good morning|was in a hurry]. "
          "[\"I have to go to {place},\" {f.he} said.|\"Sorry, not now,\" {f.he} said.|\"We will talk later,\" {f.he} "
          "said.]")
    w.paragraph()
    w.say("[{h} felt very lonely|\"They have all forgotten me,\" {h} thought|{h} sighed and walked about alone|Sad "
          "and slow, {h} walked home].")
    w.say("[Then {he} saw|On the ground {he} found|By the gate lay] a note. \"[Come to {place}|Please come to "
          "{place}|Hurry to {place}]!\" it said. [{h} was puzzled|{h} wondered who wrote it|{h} read it twice] and "
          "went there at once.")
    w.say("[When {he} arrived|As soon as {he} came near|Then, all of a sudden], [everybody jumped up|lights went on|a "
          "trumpet sounded|all {his} friends came out of hiding]. \"[Happy birthday|Surprise|Happy birthday, {h}]!\" "
          "they shouted.")
    w.paragraph()
    w.say("There was {food}, and {f} [gave|handed] {him} {a_cobj}. \"[Did you think we forgot|Did you really think we "
          "had forgotten you]?\" {f.he} [laughed|asked with a smile].")
    w.say("And {g}, {g.a}, [played a happy tune|made everyone laugh|had made paper stars|danced on the table]. [{h} "
          "was the happiest {h.kind} in the world.|{h} laughed and cried at once.|{h} did not know what to say.]")
    w.ask("[What day was it?|Why was it a special day?]", "It was {h}'s birthday.")
    w.ask("[What did {f} give {h}?|What present did {h} get?|What was the present?]", "{f} gave {h} {a_cobj}.")
    w.ask("[Where was the party?|Where did {h} have to go?]", "The party was {in_place}.")
    w.ask("[Why was {h} sad?|Why did {h} feel lonely?]", "{h} thought that everybody had forgotten the birthday.")
    w.ask("[What was there to eat?|What did they have to eat?]", "There was {food}.")
    w.ask("[What colour was the {obj}?|What color was the {obj}?]", "The {obj} was {colour}.")
    w.about("who has a birthday", "a birthday", "Everybody seemed to forget {h}'s birthday, but there was a surprise "
                                                "party {in_place}.", "{h} got {a_cobj} from {f}.", ("{a_obj}",
                                                                                                    "{food}"))


SCHEMES = ((lost, {}), (found, {}), (quarrel, {}), (trade, {}), (mystery, {}), (delivery, {}), (surprise, {}))
