"""The word lists of the grammar: who the stories are about, where they happen and what is in them.

Only lists live here. Every list is a tuple in a fixed order, since the order is part of what the seed stands for.
"""

HE_NAMES = tuple("""Tilo Bruno Oskar Finn Pip Hugo Milo Otto Jonas Emil Anton Barnaby Caspar Dario Edgar Felix Gustav
Henry Ivo Jasper Kasimir Leo Magnus Nico Oliver Pascal Quentin Rasmus Simon Theo Ugo Victor Walter Xaver Yorick Zeno
Albert Benno Cosmo Duncan Ernest Florian Gregor Harald Igor Julian Konrad Linus Moritz Nils Orson Peter Rufus Samuel
Tobias Urban Valentin Wendel Arlo Boris Clemens Dominik Elias Fridolin Gideon Hamish Isak Jakob Kurt Ludwig Mattis
Nathan Olaf Percy Ravi Stefan Timon Tom Ben Sam Max Ned Kai Amir Omar Kofi Kenji""".split())

SHE_NAMES = tuple("""Mila Nia Lotta Ida Clara Rosa Hanna Greta Frida Emma Dora Cora Bella Anna Wilma Vera Ursula Tilda
Selma Rita Petra Olga Nora Mona Luisa Karla Judith Ingrid Helga Gerda Flora Edda Daisy Cilla Beatrix Agnes Zoe Yara
Willa Viola Una Thea Stella Ruby Paula Ottilie Nelly Marta Lena Kira Juno Isabel Hazel Gloria Fanny Elsa Delia Carla
Birgit Alma Zelda Winnie Tessa Sofia Ronja Philippa Odette Nadia Matilda Linnea Katja Josephine Ivy Harriet Gwen Lily
Eva Amy Lucy Maya Leila Amina Akiko Sana Esi""".split())

ANIMALS = tuple("""fox owl bear hare mouse hedgehog squirrel badger otter frog deer goat duck beaver cat dog donkey
crow mole turtle lamb pony sparrow raccoon goose toad wolf rabbit heron robin lynx weasel penguin seal elephant
monkey camel zebra""".split())
PEOPLE = ("girl", "boy")
MADE_UP = ("dragon", "robot", "gnome", "troll", "elf", "giant", "kobold", "mermaid", "fairy", "snowman")
GROWN_UPS = tuple("""baker farmer miller fisher shepherd carpenter potter tailor gardener clockmaker blacksmith sailor
teacher postman doctor shoemaker beekeeper painter lighthouse-keeper librarian""".split())
SHE_ONLY = ("girl", "mermaid", "fairy")
HE_ONLY = ("boy", "postman", "snowman")
WATER_KINDS = ("otter", "frog", "duck", "beaver", "turtle", "goose", "toad", "seal", "penguin", "mermaid", "heron")
NIGHT_KINDS = ("owl", "mole", "badger", "hedgehog", "raccoon", "lynx", "wolf", "cat")
BIRDS = ("owl", "duck", "crow", "sparrow", "goose", "heron", "robin", "penguin")
BIG_KINDS = ("bear", "giant", "elephant", "dragon", "troll", "camel", "donkey", "pony", "zebra")

SIZES = ("little", "small", "young", "tiny", "quiet", "cheerful", "curious", "shy", "brave", "clever", "gentle", "kind",
         "merry", "old", "sleepy", "careful", "friendly", "patient", "stubborn", "dreamy")
NOT_FOR_CHILDREN = ("old",)
NOT_FOR_BIG = ("little", "small", "tiny")

HOMES = ("by the river", "at the edge of the forest", "on a green hill", "near the lighthouse", "beside the mill pond",
         "in a little valley", "next to the apple orchard", "behind the bakery", "on a small island",
         "at the foot of the mountain", "in a village by the sea", "in a quiet garden", "near the old stone bridge",
         "close to the railway station", "in a house with a blue door", "under a big chestnut tree",
         "in a narrow street", "above the clock shop", "between two tall pines", "at the end of a long road",
         "beside a field of sunflowers", "in an old windmill", "on the sunny side of the hill", "near the harbour",
         "in a cottage with a crooked chimney", "on the shore of a blue lake", "behind a high hedge",
         "in a wagon on the heath", "near a small waterfall", "at the top of a tower", "in a town with many bridges")

# (the place, its preposition)
PLACES = (("forest", "in"), ("meadow", "in"), ("market", "at"), ("beach", "on"), ("harbour", "in"), ("old mill", "at"),
          ("orchard", "in"), ("station", "at"), ("barn", "in"), ("village square", "in"), ("castle garden", "in"),
          ("cave", "in"), ("library", "in"), ("bakery", "in"), ("park", "in"), ("vineyard", "in"), ("quarry", "in"),
          ("churchyard", "in"), ("fairground", "at"), ("cornfield", "in"), ("birch wood", "in"), ("rose garden", "in"),
          ("schoolyard", "in"), ("swamp", "in"), ("boathouse", "in"), ("tower", "in"), ("heath", "on"),
          ("hilltop", "on"), ("ferry", "on"), ("stone bridge", "on"))
SPOTS = ("under a bench", "behind a stone", "in a hollow log", "between the roots of a tree", "in the tall grass",
         "under a pile of leaves", "in a bush", "beside the path", "behind a barrel", "on top of a fence post",
         "in a puddle", "under a wheelbarrow", "in an empty nest", "at the bottom of a ditch", "behind the gate",
         "on a low branch", "next to a well", "under an old cart", "in a patch of clover", "on a window sill")

OBJECTS = tuple("""lantern kite scarf hat bell drum ball book key map flute basket umbrella teapot coin compass ribbon
mitten whistle marble boat blanket mug spoon clock paintbrush necklace feather ring mirror telescope backpack trumpet
cushion candle bucket brooch button pencil cap cloak vase violin locket suitcase purse fan bracelet sledge wagon
kettle doll puppet""".split())
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "silver", "golden", "purple", "orange", "brown", "pink",
           "grey", "turquoise")
TOYS = ("kite", "ball", "drum", "boat", "marble", "sledge", "wagon", "doll", "puppet", "trumpet", "flute",
        "spinning top",
        "hoop", "skipping rope")

FOODS = ("a jar of honey", "a loaf of bread", "a basket of berries", "a plum cake", "a cup of cocoa", "a bowl of soup",
         "a bag of nuts", "a slice of apple pie", "a pot of jam", "a piece of cheese", "a plate of pancakes",
         "a handful of cherries", "a ginger biscuit", "a cinnamon bun", "a baked potato", "a bunch of grapes",
         "a ripe pear", "an apple tart", "an almond cake", "a bowl of porridge", "a jug of lemonade", "a carrot cake",
         "a poppy seed roll", "a box of dates", "a sweet melon", "a walnut cake", "a pumpkin pie", "a peach",
         "an oat biscuit", "a honey bun")

# A small thing that is mentioned early and used later.
TRINKETS = ("a ball of string", "a tin whistle", "a small bell", "a pocket mirror", "a box of matches",
            "a piece of chalk", "a magnifying glass", "a long rope", "a little torch", "a wooden spoon")

SKILLS = (  # (to do it, doing it, did it, kinds who know it from birth, where it is done)
    ("swim", "swimming", "swam", "water", "in the pond"),
    ("whistle", "whistling", "whistled", "birds", "behind the shed"),
    ("skate", "skating", "skated", "", "on the frozen lake"),
    ("juggle", "juggling", "juggled", "", "in the yard"),
    ("bake bread", "baking bread", "baked bread", "", "in the kitchen"),
    ("play the fiddle", "playing the fiddle", "played the fiddle", "", "on the doorstep"),
    ("ride a bicycle", "riding a bicycle", "rode a bicycle", "", "on the village road"),
    ("paint pictures", "painting pictures", "painted pictures", "", "at the window"),
    ("tie knots", "tying knots", "tied knots", "", "on the pier"),
    ("read", "reading", "read", "", "under the big tree"),
    ("dance", "dancing", "danced", "", "in the barn"),
    ("row a boat", "rowing a boat", "rowed a boat", "", "on the lake"),
    ("sing", "singing", "sang", "birds", "on the hill"),
    ("ski", "skiing", "skied", "", "on the slope"),
    ("walk on stilts", "walking on stilts", "walked on stilts", "", "in the lane"),
    ("write letters", "writing letters", "wrote letters", "", "at the kitchen table"),
    ("knit", "knitting", "knitted", "", "by the fire"),
    ("tell jokes", "telling jokes", "told jokes", "", "on the front steps"))

WORDS_TO_SORT = tuple("""
apple anchor arrow autumn baker ball banana basket beach bell berry bird boat book bottle bread bridge brush bucket
butter cabin cake candle carrot castle chair cheese cherry circle clock cloud coat coin copper corn cotton cradle
crown daisy dance desert dish doll door dragon dream drum duck eagle earth east egg elbow ember engine evening fairy
farm feather fence ferry field finger fire flag flower forest fork fountain fox frost garden garlic gate ghost giant
ginger glass globe glove grape grass hammer harbour hat hazel heart hedge helmet hill honey hook horse house ice ink
iron island ivy jacket jam jewel jigsaw joke juice jungle kettle key king kitchen kite kitten knee ladder lake lamp
lantern leaf lemon letter lily lion map marble market meadow melon milk mirror moon morning mountain mouse music nail
needle nest night north nurse oak oatmeal ocean olive onion orange otter oven owl paint palace paper parrot peach pear
pebble pencil pepper piano pillow pine plum pocket pond potato queen quill quilt rabbit rain raven ribbon rice ring
river road robin rocket roof rope rose saddle sail salt sand scarf school seed shadow shell ship shoe silver snow soap
spoon spring star stone storm summer sun swan table tea teapot tent thunder tiger tomato tower train tree trumpet
tulip turtle umbrella uncle valley vase velvet village violet violin voice wagon walnut water wave whale wheel window
winter wolf wool yard year yellow zebra zoo""".split())

CITIES = tuple("""Oslo Paris London Berlin Rome Madrid Lisbon Vienna Prague Warsaw Dublin Athens Helsinki Stockholm
Copenhagen Zurich Geneva Hamburg Munich Milan Venice Naples Porto Seville Valencia Lyon Nice Ghent Bruges Antwerp
Rotterdam Utrecht Krakow Budapest Sofia Riga Tallinn Vilnius Bergen Turku Cairo Tunis Dakar Accra Nairobi Lagos Delhi
Mumbai Tokyo Kyoto Osaka Seoul Hanoi Jakarta Sydney Perth Auckland Lima Quito Bogota Havana Boston Chicago Denver
Seattle Austin Toronto Montreal Ottawa""".split())
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FRUITS = ("apples", "pears", "plums", "cherries", "lemons", "oranges", "peaches", "figs", "nuts", "carrots", "buttons",
          "marbles", "shells", "stamps", "coins", "stones", "eggs", "biscuits", "pencils", "books", "stickers", "beans")
