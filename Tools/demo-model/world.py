"""Who and what the stories are about: every table here is data that the arcs draw from."""

BOYS = "Tom Ben Sam Max Leo Tim Jack Finn Noah Theo Hugo Paul".split()
GIRLS = "Lily Mia Anna Sue Emma Lucy Ella Nora Rosa Zoe Clara May".split()
MALE = {"he": "he", "him": "him", "his": "his", "himself": "himself"}
FEMALE = {"he": "she", "him": "her", "his": "her", "himself": "herself"}

ANIMALS = "fox rabbit bear mouse hedgehog squirrel duck frog kitten puppy lamb goat".split()
TRAITS = "kind brave shy curious clever cheerful quiet gentle busy young".split()

CHILD_HOMES = [
    "in a small house by the sea", "in a quiet village", "on a farm near the hills", "in a town by the river",
    "in a little house at the edge of the forest", "near the old bridge", "in a village between two hills",
    "next to the market", "in a red house on a hill", "beside a lake",
]
ANIMAL_HOMES = [
    "in a green forest", "under an old oak tree", "in a meadow full of flowers", "near a little stream",
    "on a farm near the hills", "in a warm hole under a hill", "beside a lake", "at the edge of the forest",
    "behind an old mill", "in a quiet valley",
]
PLACES = [
    ("the garden", "in"), ("the meadow", "in"), ("the forest", "in"), ("the hill", "on"), ("the beach", "on"),
    ("the park", "in"), ("the lake", "by"), ("the river", "by"), ("the field", "in"), ("the old mill", "by"),
]
WEATHERS = [
    "the sun was shining", "the sky was blue", "the air was cool and fresh", "the birds were singing",
    "it was warm and bright", "soft clouds moved over the hills", "the grass was still wet",
    "a light wind moved the leaves", "the flowers smelled sweet",
]

# (noun, adjectives, what one does with it)
THINGS = [
    ("kite", "red blue yellow new", "fly"), ("ball", "red green big round", "play with"),
    ("hat", "warm blue green new", "wear"), ("boat", "small wooden white blue", "play with"),
    ("doll", "pretty old little soft", "play with"), ("drum", "loud big red new", "play"),
    ("bell", "silver little golden shiny", "ring"), ("key", "golden old small silver", "look at"),
    ("book", "old big blue red", "read"), ("scarf", "long warm red yellow", "wear"),
    ("shell", "pink white pretty smooth", "look at"), ("button", "shiny round golden blue", "look at"),
    ("ring", "silver golden little shiny", "look at"), ("coin", "golden old shiny silver", "look at"),
    ("lamp", "small old bright golden", "carry"), ("basket", "brown round old little", "carry"),
    ("feather", "long white blue soft", "look at"), ("flute", "wooden little silver old", "play"),
    ("cup", "white blue pretty little", "look at"), ("blanket", "soft warm green old", "carry"),
]
GIVERS = ["mother", "father", "grandmother", "grandfather", "aunt", "uncle"]

# What can happen to a thing: the cause, what was seen, why it was hard, and who can help and how.
LOSSES = [
    {
        "cause": [
            "[suddenly|just then|then], a strong wind came and blew {the} {thing} [high|far] into the air",
            "the wind pulled {the} {thing} out of {his} hands",
            "a sudden wind took {the} {thing} and carried it away",
        ],
        "seen": ["it landed at the top of a tall tree", "it got stuck in a tall tree", "it was caught in the branches of a tree"],
        "try": [
            "{H} jumped and jumped, but the branches were too high",
            "{he} tried to climb up, but {he} slipped and fell on the grass",
            "{H} threw a stick at it, but the {thing} did not move",
        ],
        "help": [
            ("a squirrel", "the squirrel", "climbed up the tree and pushed the {thing} down"),
            ("a small bird", "the bird", "flew to the top and brought back the {thing}"),
            ("a tall farmer", "the farmer", "brought a long ladder and took the {thing} down"),
            ("a gray cat", "the cat", "ran up the tree and dropped the {thing} into {his} arms"),
        ],
        "where": "up in the tree",
    },
    {
        "cause": [
            "[suddenly|then], {H} slipped on a wet stone and dropped {the} {thing}",
            "{he} ran too fast over the bridge and dropped {the} {thing}",
            "{H} looked up at the clouds and let go of {the} {thing}",
        ],
        "seen": ["it fell into the [cold|deep] river", "with a splash, it fell into the water", "it fell into the river and floated away"],
        "try": [
            "{H} reached for it with a stick, but it was too far away",
            "the water was too cold and too deep for {him}",
            "{he} ran along the river, but the water was faster",
        ],
        "help": [
            ("a white duck", "the duck", "swam out and brought the {thing} back"),
            ("an old fisherman", "the fisherman", "caught the {thing} with his net"),
            ("a friendly otter", "the otter", "jumped into the water and came back with the {thing}"),
            ("a big brown dog", "the dog", "swam across the river and carried the {thing} to the grass"),
        ],
        "where": "in the water",
    },
    {
        "cause": [
            "[suddenly|then], {H} fell over a root and {the} {thing} rolled away",
            "{he} put {the} {thing} down for a moment, and it rolled away",
            "while {H} was running, {the} {thing} fell out of {his} bag",
        ],
        "seen": ["it fell into a deep hole", "it rolled down the hill and into a dark hole", "it dropped into a hole under a tree"],
        "try": [
            "{he} put {his} arm into the hole, but it was too deep",
            "{H} looked inside, but it was too dark to see anything",
            "{he} called into the hole, but only {his} own voice came back",
        ],
        "help": [
            ("a little mole", "the mole", "dug under the tree and pushed the {thing} out"),
            ("a tiny mouse", "the mouse", "went into the hole and pulled out the {thing}"),
            ("a kind hunter", "the hunter", "let down a rope with a hook and pulled up the {thing}"),
            ("a brown rabbit", "the rabbit", "jumped into the hole and came back with the {thing}"),
        ],
        "where": "in the hole",
    },
    {
        "cause": [
            "[suddenly|then], a black crow came down and took {the} {thing}",
            "when {H} was not looking, a crow took {the} {thing}",
            "{he} put {the} {thing} on the grass, and a black crow took it",
        ],
        "seen": ["it flew away to its nest", "it carried it up to the roof of the mill", "it sat on a high wall and would not come down"],
        "try": [
            "{H} shouted and waved {his} arms, but the crow only laughed",
            "{he} ran after the crow until {his} legs were tired",
            "{H} asked for it back, but the crow shook its head",
        ],
        "help": [
            ("an old woman", "the woman", "gave the crow some bread, and the crow dropped the {thing}"),
            ("a wise owl", "the owl", "spoke to the crow, and the crow gave back the {thing}"),
            ("a young baker", "the baker", "held up a sweet cake, and the crow let the {thing} fall"),
            ("a gray cat", "the cat", "crept up behind the crow, and the crow dropped the {thing} and flew away"),
        ],
        "where": "with the crow",
    },
    {
        "cause": [
            "when {he} came home, {the} {thing} was gone",
            "in the evening, {H} could not find {the} {thing}",
            "the next morning, {the} {thing} was not in its place",
        ],
        "seen": ["{he} had left it somewhere", "perhaps {he} had lost it on the way", "{he} could not remember where {he} had put it"],
        "try": [
            "{he} looked under the bed and behind the door, but it was not there",
            "{H} looked in every room and found nothing",
            "{he} walked all the way back to {the_place}, but {he} did not see it",
        ],
        "help": [
            ("the old baker", "the baker", "had found the {thing} on the road and kept it safe"),
            ("a clever dog", "the dog", "smelled the ground and led {him} to the {thing}"),
            ("the postman", "the postman", "had seen the {thing} on a wall and brought it back"),
            ("a wise owl", "the owl", "had seen the {thing} under a bush and showed {him} the way"),
        ],
        "where": "far away",
    },
]

# Somebody in trouble: who, how they call, what is wrong, what the hero needs, what the hero does.
TROUBLES = [
    ("a little bird", "the bird", "its wing was hurt", "I cannot fly", [
        "{H} made a soft bed of leaves and gave the bird some water", "{H} carried the bird home and kept it warm"],
     "after a few days, the bird could fly again", "the bird sang at {his} window every morning"),
    ("a small lamb", "the lamb", "its leg was caught in a fence", "I cannot get out", [
        "{H} pulled the fence apart with all {his} strength", "{H} dug under the fence until the lamb was free"],
     "the lamb jumped up and ran in circles", "the lamb followed {him} everywhere"),
    ("an old turtle", "the turtle", "it was lying on its back", "I cannot turn over", [
        "{H} pushed with both hands until the turtle was on its feet", "{H} found a long stick and turned the turtle over"],
     "the turtle smiled and walked slowly to the water", "the turtle showed {him} the best place to swim"),
    ("a tiny mouse", "the mouse", "it had fallen into a bucket", "The walls are too high", [
        "{H} put a stick into the bucket, and the mouse climbed out", "{H} turned the bucket over very gently"],
     "the mouse shook its wet ears and laughed", "the mouse shared its cheese with {him}"),
    ("a lost duck", "the duck", "it could not find its mother", "I do not know the way home", [
        "{H} took the duck back to the lake", "{H} walked with the duck along the river and called for its mother"],
     "soon they heard a happy quack, and the mother came", "the ducks came to greet {him} every day"),
    ("a baby owl", "the owl", "it had fallen out of its nest", "I am afraid of the dark", [
        "{H} climbed up carefully and put the owl back", "{H} stayed with the owl until its mother came"],
     "the owl closed its big eyes and felt safe", "the owl watched over {his} house every night"),
    ("an old donkey", "the donkey", "its cart was stuck in the mud", "The cart is too heavy", [
        "{H} put stones under the wheels and pushed", "{H} called all the neighbors, and together they pushed"],
     "with a loud noise, the cart came out of the mud", "the donkey gave {him} a ride to the market"),
    ("a small fish", "the fish", "it was lying on the sand", "I need water", [
        "{H} filled a bucket and put the fish inside", "{H} picked up the fish and ran to the water"],
     "the fish swam in a circle and jumped for joy", "the fish brought {him} a pretty shell"),
]

# Something made with the hands: what, of what, what goes wrong, how it is put right, who enjoys it.
MAKINGS = [
    ("a cake", "cake", "bake", "flour, eggs and honey", "there was no honey in the house", "{H} asked the bees politely, and they gave {him} a little",
     "the cake was sweet and warm"),
    ("a pot of soup", "soup", "cook", "carrots, beans and water", "the soup had no taste at all", "{H} found some fresh herbs in the garden and put them in",
     "the soup smelled wonderful"),
    ("a little boat", "boat", "build", "wood and an old sheet", "the boat was full of water", "{H} closed every hole with wax and tried again",
     "the boat floated like a leaf"),
    ("a tree house", "tree house", "build", "old boards and a rope", "one of the boards broke", "{H} found a stronger board and tied it with the rope",
     "the tree house was strong and high"),
    ("a warm nest", "nest", "build", "straw and soft feathers", "the wind blew the straw away", "{H} put heavy stones around it, and the straw stayed",
     "the nest was round and soft"),
    ("a snowman", "snowman", "make", "three big balls of snow", "the head fell off", "{H} made a smaller head and set it down slowly",
     "the snowman stood tall and smiled"),
    ("a picture", "picture", "paint", "red, blue and yellow paint", "there was no green for the trees", "{H} mixed the blue and the yellow, and it became green",
     "the picture was full of light"),
    ("a big kite", "kite", "make", "paper, sticks and string", "the paper was torn", "{H} put a second paper over the first, and it held",
     "the kite flew higher than the trees"),
    ("a loaf of bread", "bread", "bake", "flour, salt and water", "the fire went out", "{H} found dry wood behind the house and lit the fire again",
     "the bread was brown and warm"),
    ("a garden bench", "bench", "build", "wood and ten nails", "one leg was too short", "{H} cut the other legs, and the bench stood still",
     "the bench was good to sit on"),
]

# What grows from patience: seed, what it becomes, the danger, the answer to it.
GROWINGS = [
    ("a small seed", "seed", "a tall sunflower", "the ground became hard and dry", "{H} carried water from the river every evening"),
    ("a brown nut", "nut", "a young tree", "a cold wind came in the night", "{H} covered the ground with warm leaves"),
    ("a bean", "bean", "a plant as high as the roof", "the snails wanted to eat the leaves", "{H} put a ring of sand around the plant"),
    ("an apple seed", "seed", "a little apple tree", "weeds grew all around it", "{H} pulled out the weeds one by one"),
    ("a flower bulb", "bulb", "a bright red flower", "snow covered the ground", "{H} waited and did not dig it up"),
    ("a pumpkin seed", "seed", "a giant pumpkin", "there was too much rain", "{H} dug a path for the water"),
]

FEARS = [
    ("the dark", "the lamp went out, and the room was full of black shadows", "the shadow was only {his} coat on a chair", "light a small lamp and look"),
    ("deep water", "everybody went swimming in the wide lake", "the water held {him} up like a hand", "lie still and breathe slowly"),
    ("thunder", "a storm came, and the sky made a terrible noise", "the thunder was loud, but it could not hurt {him}", "count the time between the light and the noise"),
    ("high places", "{he} had to cross the old bridge, narrow and high", "the bridge was strong and did not move", "look at the other side and not down"),
    ("the big dog", "the dog on the farm barked very loudly", "the dog only wanted to play", "hold out a hand and wait"),
    ("singing alone", "all the neighbors were waiting to hear a song", "everybody listened and smiled", "close your eyes and sing for one friend"),
]

BREAKABLES = [
    ("a blue cup", "the cup", "{H} was dancing in the kitchen and pushed the table"),
    ("a window", "the window", "{H} threw a stone too far"),
    ("a tall vase", "the vase", "{H} was running through the house"),
    ("an old chair", "the chair", "{H} was standing on it to reach the cookies"),
    ("a flower pot", "the pot", "{H} was playing with a ball near the door"),
    ("the garden gate", "the gate", "{H} was swinging on it"),
]
