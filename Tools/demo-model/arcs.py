"""The story arcs: each is a chain of beats whose later sentences follow from the earlier ones.

An arc gets a `Cast`, writes what it chose into the cast's slots, and returns its beats in order; a beat that starts
with `?` may be left out, and no later one leans on it. `{H}` is the hero and
`{he}`, `{him}`, `{his}` always mean the hero; `{F}` is a friend of the other gender, `{fhe}`, `{fhim}`, `{fhis}`.
"""

from world import BREAKABLES, FEARS, GROWINGS, LOSSES, MAKINGS, THINGS, TROUBLES

SAD = "[sad|very sad|worried|upset]"
GLAD = "[happy|glad|very happy|full of joy]"
THANKS = '"[Thank you|Thank you so much|Oh, thank you]!" said {H}.'


def lost_thing(cast):
    loss = cast.choose(LOSSES)
    thing_slots(cast)
    who, later, deed = cast.choose(helpers_other_than(cast.slots["kind"], loss["help"]))
    cast.set(who=who, helper=later, deed=deed, where=loss["where"])
    return [
        "[{giver_sentence}|{H} had a {adjective} {thing}. [{he} loved it very much|it was {his} favorite thing|{he} took it everywhere].]",
        "[One [morning|day|afternoon], {he} went to {the_place} to {use} {the} {thing}|One [sunny|windy|fine] day, {H} took {the} {thing} to {the_place}|One day, {weather}, and {H} went to {the_place} with {the} {thing}].",
        cast.choose(loss["cause"]) + ".",
        "?[" + cast.choose(loss["seen"]) + "|oh no, " + cast.choose(loss["seen"]) + "].",
        "?" + cast.choose(loss["try"]) + ".",
        "?[{H} felt {sad} and [sat down|began to cry]|{H} was {sad}|tears came to {his} eyes|{he} did not know what to do].",
        '[{who} [came along|heard {him}|saw {him}] and asked, "[What is wrong|Why are you so sad|Can I help you]?" [{H} told {helper} about {the} {thing}.|"I lost my {thing}," said {H}.|"My {thing} is gone," said {H}.]|Then {H} met {who}. "[Please help me|Oh, help me, please]," {he} said. "[I lost my {thing}|My {thing} is gone]."]',
        '?[|"[Do not worry|Do not cry|Wait here]," said {helper}. ["I can help you."|"I will try."|"I know what to do."]]',
        "{helper} {deed}.",
        "[{H} [held|took] the {thing} and smiled. " + THANKS + "|" + THANKS + " {he} was {glad} [to have {the} {thing} again|that the {thing} was safe].|{H} laughed and held {the} {thing} close. " + THANKS + "]",
        "[From that day on, {H} [took better care of {the} {thing}|always held {the} {thing} tight|and {helper} were friends]|{H} learned that [it is good to ask for help|a friend can be anywhere|nobody has to be alone with a problem]|{he} gave {helper} a [cookie|warm smile|sweet apple], and they became friends].",
    ]


def found_thing(cast):
    thing_slots(cast)
    cast.set(clue=cast.choose([
        "there was a name on it", "it belonged to somebody", "it did not belong to {him}"]))
    return [
        "One [morning|day|afternoon], {weather}, and {H} was walking {at_place}.",
        "[Under a bush|Behind a stone|In the grass|Next to the road], {he} found a {adjective} {thing}.",
        '?["How pretty!" said {H}. "I want to keep it."|{H} wanted to {use} it right away.|{H} had always wished for a {thing}.]',
        "But [{clue}|{he} saw that {clue}|{he} knew that it belonged to somebody else].",
        "[{H} went from door to door and asked, \"Is this your {thing}?\"|{he} asked the baker, but it was not the baker's {thing}|{he} showed the {thing} to all the neighbors].",
        "[At last|Then|In the evening], {he} [saw {F}, who was crying|met {F}, who was looking for something|heard {F} crying behind a wall].",
        '"[I lost my {thing}|My {thing} is gone|I cannot find my {thing}]," said {F}. [{fhe} was very sad.|"It was a gift from my {giver}."|"I looked everywhere."]',
        "?[For a moment, {H} did not want to give it away|{H} looked at the {thing} one more time|{H} held the {thing} behind {his} back and thought].",
        '[Then {he} said|Then {he} smiled and said], "[Here it is|I found it|This must be yours]." {F} [was so happy that {fhe} danced|laughed and took the {thing}|hugged {him}].',
        '?["You are a good friend," said {F}.|"You can {use} it with me," said {F}.|{F} thanked {him} many times.]',
        "[They played together until the sun went down|After that, they {use_past} the {thing} together every day|{H} went home with empty hands and a full heart|{H} learned that a friend is better than a {thing}].",
    ]


def rescue(cast):
    options = [trouble for trouble in TROUBLES if cast.slots["kind"] not in trouble[0]]
    who, later, wrong, cry, deeds, result, reward = cast.choose(options)
    cast.set(who=who, helper=later, wrong=wrong, cry=cry, result=result, reward=reward)
    return [
        "One [morning|day|evening|afternoon], {H} was [walking|playing] {at_place}. [{weather}.|]",
        "[Suddenly, {he} heard a [small|quiet|sad] voice|{he} heard somebody cry|a strange sound came from the grass|then {he} heard a voice that said, \"Help!\"].",
        "[It was {who}|{H} looked around and saw {who}|behind a stone {he} found {who}]. {wrong}.",
        '"[Please help me|Oh, please help me|I need help]," said {helper}. "{cry}."',
        "?[{H} was in a hurry, but {he} stopped|{H} was a little afraid, but {he} wanted to help|{H} felt sorry for {helper}|{H} had never helped {who} before].",
        '"[Do not be afraid|I will help you|Stay still]," {he} said. ' + "[It was not easy.|||]",
        cast.choose(deeds) + ".",
        "{result}.",
        '"[You are very kind|Thank you, {H}|I will never forget this]," said {helper}.',
        "?[{H} went home and told {his} {giver} everything|{H} was proud and {glad}|{H} smiled all the way home].",
        "[After that, {reward}|From that day on, {reward}|And do you know what? {reward}].",
        "?[|Even a small kindness can come back to you.|{H} learned that it feels good to help.|It is good to stop for a friend.]",
    ]


def making(cast):
    what, noun, verb, parts, problem, answer, result = cast.choose(MAKINGS)
    past = {"bake": "baked", "cook": "cooked", "build": "built", "make": "made", "paint": "painted"}[verb]
    cast.set(what=what, noun=noun, verb=verb, parts=parts, problem=problem, answer=answer, result=result, past=past)
    return [
        "[{H} wanted to {verb} {what} for {his} {giver}|one day, {H} had an idea. {he} wanted to {verb} {what}|it was {fpos} birthday, and {H} wanted to {verb} {what} for {fhim}].",
        '?["I can do it," {he} said.|"How hard can it be?" {he} said.|{he} had never done it before.|{his} {giver} said, "Be careful and take your time."]',
        "[{he} took {parts}|{H} needed {parts}|first, {he} looked for {parts}] and [began to work|started at once|went to work].",
        "[{he} worked all morning|{he} sang while {he} worked|everything went well for a while], but then {problem}.",
        "?[{H} wanted to give up|{H} was {sad}|{he} sat on the floor and cried a little|{H} became angry and kicked a stone].",
        '[{F} came by and asked, "What happened?" {H} told {fhim} everything. "[Try again|Do not give up|Think about it]," said {F}. "[I will help you|There is always a way|You can do it]."|{his} {giver} said, "[Do not give up|Everybody makes mistakes|Try one more time]."|Then {he} took a deep breath and thought about it.]',
        "[So|Then] {answer}.",
        "[At last, {result}|In the evening, {result}|When {he} was done, {result}].",
        '?["Look what I {past}!" {he} called.|{H} jumped for joy.|{H} could not stop smiling.]',
        "?[{F} and {H} [shared|enjoyed] it together|everybody came to see it|{his} {giver} was very proud of {him}|{F} clapped {fhis} hands].",
        "[{H} learned that [mistakes are part of the work|it is good to try again|good things need time]|The next time, {H} knew what to do|And {H} [thought|knew]: whoever tries again can do anything].",
    ]


def growing(cast):
    seed, later, plant, danger, answer = cast.choose(GROWINGS)
    cast.set(seed=seed, later=later, plant=plant, danger=danger, answer=answer)
    return [
        '[one [spring|morning|day], {his} {giver} gave {him} {seed}. "[Put it in the ground and wait|Take good care of it]," said {his} {giver}.|{H} found {seed} {at_place} and took it home.]',
        "[{H} dug a little hole behind the house and put the {later} inside|{he} put the {later} in the ground and gave it some water].",
        "?[The next day, nothing happened|{he} looked at the ground every morning, but there was nothing to see|one day went by, and then another, but nothing came up].",
        '?["When will it grow?" {he} asked. "{wait_answer}," said {his} {giver}.|{F} laughed and said, "Nothing will ever grow there." But {H} did not stop.|"Maybe it is sleeping," {he} said.]',
        "[Then {danger}|After a week, {danger}|But one day, {danger}].",
        "{answer}.",
        "?[Every day, {he} sang a little song to it|{he} was tired, but {he} came back every day|{he} never forgot it, not even once].",
        "[At last|One morning|Then, one warm day], [a small green leaf came out of the ground|something green looked up at the sun|{H} saw a tiny leaf].",
        "[It grew and grew|All summer it grew], and it became {plant}.",
        '["[How beautiful|Look at that]!" said {F}. [{fhe} could not believe it.|"Can you teach me?"|{fhe} touched the leaves.]|everybody in the village came to look at it.]',
        "[{H} was {glad} that {he} had waited|{H} learned that good things need time|{H} gave {F} a new seed, and they waited together].",
    ]


def fear(cast):
    what, scene, truth, advice = cast.choose(FEARS)
    cast.set(what=what, scene=scene, truth=truth, advice=advice)
    return [
        "[{H} was afraid of {what}|there was only one problem: {H} was afraid of {what}|{H} could do many things, but {he} was afraid of {what}].",
        "[One [day|evening], {scene}|Then one [day|evening], {scene}].",
        "[{his} heart beat fast|{his} knees began to shake|{he} wanted to run away|{H} hid behind {his} {giver}].",
        '?["I cannot do it," {he} said [in a small voice|and began to cry].|"Help!" cried {H}.|{he} could not say a word.]',
        '[{F} took {his} hand|{his} {giver} sat down next to {him}|{F} came and stood beside {him}] and said, "[I was afraid too|Everybody is afraid sometimes|You are braver than you think]. You should {advice}."',
        "[{H} did not believe it, but {he} tried|{H} thought about these words for a long time|slowly, {H} nodded|{H} closed {his} eyes and counted to three].",
        "?[Then {he} took one small step, and another|It was hard at first|{he} shook a little, but {he} did it].",
        "[Soon {he} understood: {truth}|And what happened? {truth}|To {his} surprise, {truth}].",
        '?[{H} began to laugh.|"[I did it|I am not afraid anymore]!" {he} called.|"That was not so bad," said {H}.]',
        "?[{F} was very proud of {him}|{his} {giver} gave {him} a big hug|they laughed together and went home].",
        "[From that day on, {H} was not afraid of {what}|{H} learned that being brave means trying while you are afraid|The next day, {H} helped a little friend who was afraid too].",
    ]


def broken(cast):
    what, later, cause = cast.choose(BREAKABLES)
    cast.set(what=what, later=later, cause=cause, blame=cast.choose(["the cat", "the wind", "a bird"]))
    return [
        "[One [morning|day|rainy day], {cause}|{his} {giver} had {what}. One day, {cause}].",
        "[With a loud noise, {what} broke|Crack! {later} broke|before {he} could stop, {later} was broken].".replace("With a loud noise, {what}", "With a loud noise, {later}"),
        "[{H} was afraid. {he} hid the pieces under the bed|{H} looked around. Nobody had seen it|{H} did not know what to do, so {he} ran away and hid].",
        '[In the evening|Soon|After lunch], {his} {giver} asked, "[What happened to {later}|Who broke {later}|Do you know who did this]?"',
        '["It was {blame}," said {H}. But {his} face became red.|"I do not know," said {H} and looked at the floor.]',
        "?[That night, {H} could not sleep|{his} stomach began to hurt|the lie felt like a stone in {his} heart|{he} could not eat {his} dinner].",
        '?[{he} told {F} about it. "[Tell the truth|You should say it]," said {F}. "[Then you will feel better|It is not too late]."|{he} thought about it for a long time.]',
        '[At last|The next morning], {H} went to {his} {giver} and said, "[It was me|I broke it|I told a lie]. I am [so|very] sorry."',
        '{his} {giver} [was quiet for a moment and then smiled|was not angry|took {him} in both arms]. "[Thank you for telling me|That was brave of you|A thing can be broken, but I can trust you again]."',
        "?[Together they [mended it|put the pieces together]|{H} worked in the garden and bought a new one|{H} helped to mend it with {his} own hands].",
        "?[{H} felt as light as a feather|{H} learned that the truth is better than a lie|That night, {H} slept very well|After that, {H} always told the truth].",
    ]


def quarrel(cast):
    thing_slots(cast)
    return [
        "[{H} had a good friend [named|called] {F}|{H} and {F} were best friends]. [They played together every day.|They did everything together.|||]",
        "One day, they found a {adjective} {thing} {at_place}.",
        '"[It is mine|I saw it first]!" said {H}. "[No, it is mine|No, I saw it first]!" said {F}.',
        "?[They both pulled at the {thing}, and it fell into the mud|{F} took it and ran away|They shouted so loudly that the birds flew away|{H} pulled it away from {F}, and {F} began to cry].",
        "[{H} was angry and went home|{H} went home alone and did not say goodbye]. [But it was not nice to be alone.|The house was very quiet.|||]",
        "?[{he} looked out of the window and thought of {F}|It was a long and lonely afternoon|Every game was boring without {F}].",
        '[{his} {giver} asked, "What is more important, a {thing} or a friend?"|"Did I do something wrong?" {he} asked {his} {giver}. "Maybe {F} is sad too," said {his} {giver}.|Then {he} understood something: a {thing} cannot laugh with you.]',
        "[So {H} ran to {fpos} house|Then {H} put on {his} coat and went to find {F}|In the evening, {H} knocked at {fpos} door].",
        '"I am sorry," said {H}. "[You can have the {thing}|We can share it|I missed you]." "I am sorry too," said {F}.',
        "?[They hugged and laughed|They shook hands|{F} smiled and opened the door wide]. [Now the {thing} belonged to both of them.|They {use_past} the {thing} together until it was dark.|One day {H} had the {thing}, and the next day {F} had it.]",
        "?[They learned that sharing makes a thing twice as good|After that, they shared everything|And they were better friends than before].",
    ]


def lost_way(cast):
    cast.set(lure=cast.choose(["a yellow butterfly", "a blue bird", "a white rabbit", "a strange song", "a golden light"]),
             sign=cast.choose(["the river", "the smoke of a chimney", "the sound of a bell", "the evening star", "a line of white stones"]),
             owner=cast.choose(["an old owl", "a kind deer", "a friendly hunter", "an old turtle"]))
    cast.set(guide="{owner}", later="the " + cast.slots["owner"].split()[-1])
    return [
        '?["Do not go too far," said {his} {giver}. But {H} was not listening.|{H} knew that {he} should stay near the house.|{H} loved to explore.]',
        "[One day, {he} followed {lure} into the forest|One afternoon, {lure} led {him} deep into the forest|{he} saw {lure} and ran after it, farther and farther].",
        "?[Soon the trees were tall and dark|When {he} stopped, everything looked strange|{he} looked back, but the path was gone].",
        '?"[Where am I|How do I get home]?" [said|asked] {H}. [Nobody answered.|Only the wind answered.|The forest was silent.]',
        "[It became cold, and the sun went down|Rain began to fall|The first stars came out], and {H} was {sad}.",
        "?[{he} sat down under a tree and cried|{he} called for help, but nobody came|{he} walked to the left and to the right, but every tree looked the same].",
        '[Then {owner} came out of the shadows|Suddenly, {he} saw {owner}|{owner} heard {him}]. "[Why are you crying|What are you doing here]?" asked {later}. ["I am lost," said {H}.|]',
        '"[Look for {sign}|Follow {sign}]," said {later}. "[It will bring you home|It always shows the way|Then you cannot get lost]."',
        "[{H} did as {later} said|{H} listened, and {he} was not so afraid anymore|{H} thanked {later} and went on]. [Step by step, {he} found the way.|After a long walk, {he} saw the lights of {his} house.|{he} walked until {his} feet hurt.]",
        "[At the door, {his} {giver} was waiting|{his} {giver} ran out and held {him} tight|{his} {giver} had made hot soup]. [\"I am so glad that you are here,\" said {his} {giver}.|{H} told the whole story.||]",
        "?[After that, {H} always [told {his} {giver} where {he} went|looked back to remember the path]|{H} never went into the forest alone again|{H} learned to listen to good advice].",
    ]


def contest(cast):
    game, verb, strength = cast.choose([
        ("a race around the lake", "run", "fast"), ("a swimming race", "swim", "fast"), ("a singing contest", "sing", "well"),
        ("a climbing contest", "climb", "high"), ("a jumping contest", "jump", "high"), ("a boat race", "row", "fast")])
    cast.set(game=game, verb=verb, strength=strength, prize=cast.choose(
        ["a basket of apples", "a golden cup", "a big cake", "a silver bell", "a pot of honey"]))
    return [
        "[One summer|One day|In spring], there was {game} in the village. The prize was {prize}.",
        "[{H} wanted to win more than anything|{H} wanted to win, but {he} could not {verb} very {strength}|Everybody said that {H} could not win].",
        '?["You are too small," said {F}.|"I will win," said {F}. "I am the best."|{F} laughed at {him}.] [But {H} did not listen.|These words made {H} {sad}.|{H} said nothing.]',
        "[Every day, {he} practiced {at_place}|{he} got up early and practiced until {he} was tired|{his} {giver} helped {him} to practice every evening].",
        "?[At first, it was very hard|{he} failed many times|On some days, {he} wanted to stop], but {he} became better and better.",
        "?[At last, the big day came|Then the day of the contest came|On the big day, {weather}]. [Everybody was there.|{his} heart beat fast.|All the neighbors came to watch.]",
        "[In the middle, {F} fell and hurt {fhis} foot|Suddenly, {F} cried for help|Just before the end, {F} stopped and could not go on]. [{H} could have won, but {he} stopped too.|{H} looked at the prize, and then {he} looked at {F}.|{H} did not think twice.]",
        '"[Take my hand|I will help you|Lean on me]," said {H}. [Together they came to the end.|Slowly, they went on together.|So they were both the last.]',
        "[Everybody clapped louder than before|The oldest neighbor stood up and smiled|The crowd was quiet, and then everybody cheered]. [{H} got {prize} for {his} good heart.|\"You are the real winner,\" said {F}.|They shared {prize} between them.]",
        "[{F} never forgot it, and they became friends|{H} learned that helping is better than winning|From that day on, they practiced together].",
    ]


def wish(cast):
    thing_slots(cast)
    job, pay = cast.choose([
        ("carried wood for the baker", "the baker"), ("swept the floor of the mill", "the miller"),
        ("picked apples for the farmer", "the farmer"), ("fed the hens of an old woman", "the old woman"),
        ("washed the boats of the fisherman", "the fisherman"), ("brought letters for the postman", "the postman")])
    need = cast.choose(["a hungry boy", "an old man without a coat", "a poor girl", "a hungry dog"])
    cast.set(job=job, pay=pay, need=need, needed="the " + need.replace(" without a coat", "").split()[-1])
    return [
        "[{H} had one big wish|More than anything, {H} wished for something|{H} dreamed of one thing every night]. {he} wanted a {adjective} {thing}.",
        '?["I have no money," said {his} {giver}. "[But you can work for it|You must earn it]."|The {thing} was in the window of the shop, but {he} had no money.]',
        "So {H} {job}. [It was hard work.|{he} worked every day for a week.|{his} arms were tired in the evening.]",
        '[At the end of the week|At last|After many days], {pay} gave {him} three coins. ["You worked well," said {pay}.|{H} was very proud.|]',
        "[On the way to the shop|When {he} ran to the shop|Near the market], {he} saw {need}.",
        "?[{needed} looked so sad that {H} stopped|{needed} sat in the cold and was shaking|nobody looked at {needed}].",
        "?[{H} thought of the {thing}, and then {he} thought of {needed}|It was hard to decide|{he} held the coins in {his} hand for a long time].",
        "Then {he} [bought bread and warm soup and gave it to {needed}|gave {needed} the coins|bought some food and shared it with {needed}].",
        "[{H} had no {thing}, but {he} was {glad}|{H} went home without a {thing}, and still {he} felt warm inside]. [{pay} had seen everything.|{his} {giver} heard about it.|But that is not the end of the story.]",
        "[The next morning, a {adjective} {thing} was standing at {his} door|On {his} birthday, {H} got a present. It was a {adjective} {thing}|One day, {pay} gave {him} a {adjective} {thing}].".replace("was standing at", "lay at"),
        "?[\"[You earned it|A good heart should not stay without a gift]\" was written on a card|{H} could not believe it and laughed|And so {his} wish came true after all].",
    ]


def storm(cast):
    sky, danger = cast.choose([
        ("a great storm came over the hills", "the wind was tearing at the roof"), ("the snow fell without end", "nobody could open the door"),
        ("it rained and rained", "the river came up to the door"), ("a thick fog came from the sea", "nobody could see the road")])
    cast.set(sky=sky, danger=danger, guest=cast.choose(["a wet fox", "a tired old man", "a little bear", "a cold bird", "a family of mice", "a tired traveler"]))
    guest = cast.slots["guest"]
    cast.set(guest_later="the " + guest.split()[-1] if "family" not in guest else "the family")
    return [
        "[One night|One evening|In autumn], {sky}. [Soon {danger}.|]",
        "?[{H} and {his} {giver} sat by the fire|{H} closed all the windows|{H} hid under a warm blanket]. [They were safe and warm.|The fire was bright.|]",
        "[Suddenly|Then], somebody knocked at the door. It was {guest}.",
        '"[May I come in|Can I stay here tonight]?" asked {guest_later}. "[I am so cold|I have no place to go|I lost my way in the dark]."',
        '?["There is not much room," said {H}. "But come in."|"Come in quickly," said {H}.|{H} was a little afraid, but {he} opened the door wide.]',
        "{H} gave {guest_later} [hot soup and a dry blanket|a place by the fire|warm milk and bread]. [They told each other stories.|It was quiet and warm inside.|They sang until the fire was small.|||]",
        "[In the morning|When the sun came back|The next day], everything was [quiet|still|bright]. [But the bridge was broken.|But the roof had a big hole.|But the fence was gone.]",
        '?["Now I can help you," said {guest_later}.|{guest_later} did not leave at once.|"You helped me, and now I will help you," said {guest_later}.]',
        "[They worked together all day|{guest_later} called many friends, and all of them helped|{guest_later} was stronger than {H} had thought], and [soon everything was mended|in the evening the work was done].",
        "[{H} was {glad} that {he} had opened the door|\"My door is always open for you,\" said {H}|Every winter, {guest_later} came back to visit {him}].",
        "?[|A friend in need is a friend for life.|{H} learned that an open door brings friends.]",
    ]


def secret(cast):
    way, inside = cast.choose([
        ("a small door in the garden wall", "a garden that nobody had seen for years"), ("a cave behind the waterfall", "hundreds of shining stones"),
        ("stairs under the old mill", "a room full of old books"), ("a path between two rocks", "a beach with white sand"),
        ("a hollow tree", "a box with a letter in it"), ("an old map in a book", "a cross near the oak tree")])
    cast.set(way=way, inside=inside)
    return [
        "[One [day|morning|afternoon], {H} found {way}|When {H} was playing {at_place}, {he} found {way}|{H} was looking for mushrooms when {he} found {way}].",
        '?["What is this?" {he} said.|"Has it always been here?" {he} asked.|{H} was surprised and a little afraid.]',
        "[{he} wanted to look at once, but {he} was alone|{he} ran to {F} and told {fhim} about it|{he} called {F}, and {fhe} came at once].",
        '"[Let us look together|Maybe it is dangerous|We need a lamp]," said {F}. [So they took a lamp and a rope.|So they held hands and went on.]',
        "?[It was dark and silent|They went very slowly|Their steps were the only sound]. [\"Are you afraid?\" asked {F}. \"A little,\" said {H}.|{H} went first, and {F} followed {him}.|Something moved, but it was only a mouse.]",
        "[Then they saw it: {inside}|At the end, they found {inside}|And there they saw {inside}].",
        '?["[How wonderful|I have never seen anything like it]!" said {H}.|{F} could not say a word.|They looked at it for a long time.]',
        "[They wanted to take something home, but {F} said, \"It is not ours.\"|\"Shall we tell everybody?\" asked {F}. {H} thought about it.|{H} wanted to keep it for {himself}, but that did not feel right.]",
        "[In the evening, they told {his} {giver} about it|They ran home and told {his} {giver} the whole story]. [{his} {giver} smiled and said, \"I found it too when I was small.\"|\"You have good eyes,\" said {his} {giver}.|{his} {giver} laughed and came with them the next day.]",
        "?[It became their favorite place|They went there every summer|After that, they looked at every stone and every tree with new eyes]. [And they never forgot that day.|A secret is best when you share it with a friend.|]",
    ]


def new_neighbor(cast):
    reason, answer = cast.choose([
        ("spoke another language", "{H} pointed at things and said their names"), ("was very shy", "{H} sat down next to {fhim} and said nothing for a while"),
        ("could not hear well", "{H} drew pictures in the sand"), ("always looked sad", "{H} told {fhim} a funny story"),
        ("had no toys", "{H} brought {his} own toys")])
    cast.set(reason=reason, answer=answer, play=cast.choose(["played hide and seek", "built a house of sand", "ran through the wet grass", "looked for shells", "flew a kite"]))
    return [
        "One day, a new family came to live next door. [Their child|Their youngest child] was called {F}.",
        "[{F} {reason}|{F} was nice, but {fhe} {reason}], and [nobody wanted to play with {fhim}|the others laughed at {fhim}|{fhe} was always alone].",
        "[{H} saw {fhim} at the window|{H} saw {fhim} sitting alone {at_place}|every day, {H} saw {fhim} behind the fence].",
        '?["It must be hard to be new," {he} thought.|"Why does {F} never laugh?" {he} asked {his} {giver}. "Maybe {fhe} needs a friend," said {his} {giver}.|{H} remembered how it feels to be alone.]',
        "[So {he} went over|The next morning, {he} went to {fhim}|{H} took two apples and went over]. {answer}.",
        "[At first, {F} looked at the ground|At first, it was strange|{F} was surprised], but [soon {fhe} smiled|then {fhe} began to laugh|after a while, they understood each other].",
        "?[They {play} until the evening|That afternoon, they {play}|Together they {play}]. [It was the best day of the summer.|{weather}.|They forgot the time.]",
        '[The others came and asked, "Can we play too?" "Of course," said {F}.|The others saw how much fun they had, and they came too.|"Will you come back tomorrow?" asked {F}. "Yes," said {H}.]',
        "?[One day, {H} was ill, and {F} came every day with flowers|Later, {F} taught {H} a song from {fhis} old home|{fpos} mother baked a cake for everybody].",
        "[{H} learned that everybody has something to give|It only takes one friend to feel at home|And {H} was {glad} that {he} had gone over].",
    ]


def helpers_other_than(kind, helpers):
    return [entry for entry in helpers if kind not in entry[0]]


def thing_slots(cast):
    noun, adjectives, use = cast.choose(THINGS)
    past = {"fly": "flew", "play with": "played with", "wear": "wore", "play": "played", "ring": "rang",
            "look at": "looked at", "read": "read", "carry": "carried"}[use]
    cast.set(thing=noun, adjective=cast.choose(adjectives.split()), use=use, use_past=past)


ARCS = [lost_thing, lost_thing, found_thing, rescue, making, growing, fear, broken, quarrel, lost_way, contest, wish, storm, secret, new_neighbor]
