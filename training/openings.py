"""Sentences that any story may use: how it begins, what the hero is like, and how it ends."""

OPENINGS = (
    "[Once upon a time|Long ago|Once|Many years ago|A long time ago|Not so long ago], {h.a} named {h} lived {home}.",
    "[Once upon a time|Long ago|Once], there was {h.a} [named|called] {h}, and {he} lived {home}.",
    "{h} was {h.a} who lived {home}.",
    "{home} [lived|there lived|there once lived] {h.a} [named|called] {h}.",
    "There was once {h.a} named {h}. {He} lived {home}.",
    "This is the story of {h}, {h.a} who lived {home}.",
    "Far away, {home}, lived {h.a} [whose name was|called|named] {h}.",
    "{h}, {h.a}, lived {home}.",
    "In a land [of gentle hills|of many rivers|where it often rained|behind the mountains], {h.a} named {h} had "
    "{his} home {home}.",
    "Have you heard of {h}? {He} was {h.a}, and {he} lived {home}.",
)

TRAITS = (
    "{He} was [never in a hurry|always up before the sun|known for {his} loud laugh|fond of sweet things|easily "
    "surprised|good at listening|proud of {his} warm kitchen|a little forgetful|always polite].",
    "Every [morning|evening], {he} [swept the doorstep|watered the flowers|hummed a tune|looked at the sky|"
    "counted the clouds|made breakfast|fed the birds|opened all the windows].",
    "{He} [loved|liked] [long walks|rainy days|warm soup|the smell of fresh bread|the first snow|funny songs|"
    "quiet evenings|stories about the sea|jumping over puddles|old books|the sound of bells] [more than anything|"
    "very much|best of all].",
    "The neighbours [liked|trusted|often visited] {him}, [for|because] {he} [always had time|was always kind|"
    "never forgot a birthday|knew the best songs|told the funniest stories].",
    "{His} home was [small but warm|full of odd things|always tidy|never quite tidy|bright and quiet].",
)

ENDINGS = (
    "[From that day on|Ever since that day], {h} and {f} were [the best of friends|good friends|never far apart|"
    "always glad to see each other].",
    "That [night|evening], {h} [fell asleep with a smile|slept very well|went to bed happy|lay in bed and smiled].",
    "And if you [walk past|ever come by], you may [still see|see] {h} and {f} [laughing together|"
    "sitting side by side|sharing {food2}|waving at you].",
    "{h} [never forgot|often thought of|always remembered] that day.",
    "[To this day|Even now], {h} [smiles|laughs|grins] when {he} [thinks of it|remembers that day|speaks of that day].",
    "",
    "[Afterwards|Then|In the evening], they [shared {food2}|drank tea|lit a small lamp|sang a song|sat by the fire] "
    "and [laughed|talked|told stories|watched the stars] until [it was dark|the moon came up|bedtime|late].",
    "And that was [the best day of the year|a very good day|how it all ended well|"
    "the start of a long friendship].",
    "[And so everything|So all] was well {home} [again|once more].",
    "",
    "",
)
CLOSINGS = ("The end.", "", "", "And they lived happily ever after.", "The end.", "", "")

# What a hero says on being thanked, or thanks with.
THANKS = ("[Thank you|Thank you so much|Oh, thank you|Many thanks|How can I ever thank you]")
