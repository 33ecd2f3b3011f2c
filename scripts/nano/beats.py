"""The sentences of the story world, as data: beats, plots, endings. world.py chains them.

A beat is what one picture shows and the sentences that may tell it. `[a|b]` in a sentence is a choice; {H} and {F} are hero and friend,
sometimes with their species, {h} and {f} the bare names, {o} and {ao} the story's thing ("red lantern", "a red lantern"), {at}, {to} and
{view} the place, {dest} where the story goes. `solo` tells the hero alone, `duo` hero and friend: a caption names all whom its picture shows.

    pose, friend   what the two do          hold     a thing the hero holds from now on ("o": the story's; "none": puts it away)
    shot           medium or close          once     a thing the hero holds in this frame only
    ground         a thing on the ground    give     the thing goes over to the friend
    go             to another place ("new", "dest", or a place); time, weather: what they become
"""


def beat(pose="stand", friend="stand", solo=(), duo=(), **effects):
    return dict(pose=pose, friend=friend, solo=solo, duo=duo, **effects)


# --- openings: the hero is described here, and the hour, the weather and the place are told -------------------------------------------
# {when} the hour and weather, {adj} an adjective, {a_hs} "a brave fox", {wear_h} "a red shirt and a tall hat"
OPENINGS = {
    "stand": beat("stand", solo=[
        "{when}, {a_hs} named {h} stood {at}. {h} wore {wear_h}.",
        "{when}, {a_hs} in {wear_h} stood {at}. [This was|It was|The name was] {h}.",
        "{h} was {a_hs} in {wear_h}. {When}, {h} stood {at}.",
        "This is [the story|the tale] of {h}, {a_hs} in {wear_h}. {When}, {h} stood {at}.",
        "There was once {a_hs} named {h}, who wore {wear_h}. {When}, {h} stood {at}.",
        "{at}, {when}, stood {a_hs}. {h} was the name, and {h} wore {wear_h}.",
        "Do you know {h}, {a_hs} in {wear_h}? {When}, {h} stood {at}."]),
    "wave": beat("wave", solo=[
        "{when}, {a_hs} named {h} waved {at}. {h} wore {wear_h}.",
        "\"[Hello|Good day|Hi]! I am {h},\" said {a_hs} in {wear_h}, and waved. It was {when} {at}.",
        "{h} was {a_hs} in {wear_h}. {When}, {h} waved {at}.",
        "{when}, {a_hs} in {wear_h} waved {at}. \"I am {h}!\"",
        "Meet {h}, {a_hs} in {wear_h}. {When}, {h} waved at the birds {at}."]),
    "walk": beat("walk", solo=[
        "{when}, {a_hs} named {h} walked about {at}. {h} wore {wear_h}.",
        "{when}, {a_hs} in {wear_h} came along {at}. [It was|This was] {h}.",
        "Step, step, step: {when}, {a_hs} named {h} walked about {at}, in {wear_h}.",
        "{h}, {a_hs} in {wear_h}, [liked to walk|loved to walk]. {When}, {h} walked about {at}.",
        "Who came along {at}, {when}? It was {h}, {a_hs} in {wear_h}."]),
    "sit": beat("sit", solo=[
        "{when}, {a_hs} named {h} sat {at}. {h} wore {wear_h}.",
        "{when}, {a_hs} in {wear_h} sat {at} and [looked about|hummed a tune]. It was {h}.",
        "{h} was {a_hs} in {wear_h}. {When}, {h} sat {at}.",
        "There sat {h}, {a_hs} in {wear_h}. It was {when} {at}."]),
}

# --- the friend ---------------------------------------------------------------------------------------------------------------------
MEET = {
    "meet": beat("stand", "wave", duo=[
        "{H} met {a_fs} named {f} {at}. {f} wore {wear_f} and waved.",
        "{a_fs} in {wear_f} waved at {H}. \"I am {f},\" said the {fs}.",
        "\"Hello, {h}!\" said {a_fs} in {wear_f}, and waved. It was {f}.",
        "Just then {H} saw {a_fs}. It was {f}, in {wear_f}, and {f} waved.",
        "{a_fs} came up to {H} and waved. [The name was|It was] {f}, and {f} wore {wear_f}.",
        "Who was that {at}? {h} saw {f}, {a_fs} in {wear_f}, who waved.",
        "Then {f} came along, {a_fs} in {wear_f}, and waved at {H}.",
        "\"[Good day|Hi there|Hello]!\" {f}, {a_fs} in {wear_f}, waved at {H} {at}."]),
    "together": beat("stand", "wave", duo=[
        "With {H} was {f}, {a_fs} in {wear_f}. {f} waved.",
        "{h} was not alone: {f}, {a_fs} in {wear_f}, was there too and waved.",
        "Beside {H} stood {a_fs} in {wear_f}. It was {f}, and {f} waved.",
        "{f}, {a_fs} in {wear_f}, was with {h} and waved.",
        "{h} had a friend along: {f}, {a_fs} in {wear_f}, who waved.",
        "{H} and {f} did all things together. {f} was {a_fs} in {wear_f}, and waved."]),
    "third": beat("stand", "wave", duo=[
        "{G} [had to go home|went home for supper|was tired and went home]. Then {f} came, {a_fs} in {wear_f}, and waved at {H}.",
        "\"[Goodbye|See you soon|So long], {h}!\" said {G}. Now {f}, {a_fs} in {wear_f}, waved at {H}.",
        "{G} [stayed behind|ran off] with a smile. Soon {H} met {f}, {a_fs} in {wear_f}, who waved.",
        "{H} said goodbye to {G}. [Not long after|A little later], {a_fs} in {wear_f} waved. It was {f}."]),
}

# --- what each plot is made of --------------------------------------------------------------------------------------------------------
BEATS = {
    # find
    "see": beat(ground="o", solo=[
        "{H} saw {ao} on the ground {at}.", "There was {ao} {at}! {H} stopped and looked at it.", "{H} looked down. On the ground lay {ao}.",
        "\"What is that?\" {H} saw {ao} on the ground.", "Something was on the ground. It was {ao}, and {H} looked at it.",
        "[What a find|What luck]! {h} found {ao} on the ground.", "{H} found {ao} {at}, right there on the ground."],
        duo=["{H} and {F} saw {ao} on the ground {at}.", "\"Look, {f}!\" {H} found {ao} on the ground, and {F} came to see.",
             "There was {ao} {at}! {H} and {F} stopped and looked at it.", "Something lay on the ground. {H} and {F} had found {ao}.",
             "[What luck|What a find]! {H} and {F} found {ao} on the ground."]),
    "pick": beat(hold="o", solo=[
        "{H} picked up the {o} and held it.", "{H} took the {o} in one hand.", "\"How pretty!\" said {H}, and held up the {o}.",
        "{H} held the {o} with [great|much] care {at}.", "{h} bent down, took the {o} and held it up."],
        duo=["{H} picked up the {o} and showed it to {F}.", "{H} took the {o} in one hand, and {F} looked on.",
             "\"How pretty!\" said {F}. {H} held up the {o}.", "{H} held the {o} with care, and {F} stood close by."]),
    "wonder": beat(shot="close", solo=[
        "\"Whose {o} is this?\" thought {H}.", "{H} looked at the {o} from close by. \"Who lost it?\"",
        "\"I must find out who lost this {o},\" said {H}.", "{h} turned the {o} round. \"Someone will miss it.\"",
        "\"Somebody [must be sad without|is looking for] this {o},\" thought {H}."],
        duo=["\"Whose {o} is this?\" {H} asked {F}.", "{H} and {F} looked at the {o} from close by.", "\"Who lost it?\" said {F}. {H} did not know.",
             "\"Shall we keep it?\" asked {F}. {h} thought about the {o}."]),
    "ask": beat(shot="close", duo=[
        "\"Is this your {o}?\" {H} asked {F}.", "{H} showed the {o} to {F}. \"Is it yours?\"", "\"I found this {o},\" {H} told {F}.",
        "\"Did you lose {ao}?\" asked {H}. {F} looked at it.", "{F} saw the {o}. \"Where did you find it, {h}?\""]),
    "give": beat(give=True, duo=[
        "{H} gave the {o} to {F}. \"Thank you!\" said {f}.", "\"Yes, it is mine!\" said {F}, and took the {o} from {h}.",
        "Now {F} held the {o} and smiled at {H}.", "{H} gave it back, and {F} held the {o} again.", "\"Here you are, {f}.\" {H} gave the {o} to {F}.",
        "{F} took the {o} from {H}. \"I looked for it all day!\""]),
    "thank": beat("cheer", "cheer", hold="none", duo=[
        "{H} and {F} jumped for joy.", "\"You are a true friend, {h}!\" {H} and {F} jumped up and down.", "{H} and {F} laughed and threw up their arms {at}.",
        "\"Hooray!\" [cried|called|shouted] {F}, and {h} and {f} jumped.", "{H} and {F} [danced round and round|hopped about] {at}."]),
    "keep": beat("stand", solo=["Now the {o} was safe with {H}.", "{h} would take good care of the {o}.", "\"I will keep the {o} safe,\" said {H}.",
                                "Nobody came for the {o}, so {H} held on to it."],
                 duo=["\"Let us keep it safe,\" said {F}. {H} held the {o}.", "{h} held the {o}, and {F} was glad.", "\"It is ours now,\" {H} told {F}."]),
    # lose
    "lose": beat("sad", shot="close", solo=[
        "{H} was sad. The {o} was gone!", "\"Oh no! Where is my {o}?\" cried {H}.", "{H} began to cry. The {o} was lost.",
        "\"I lost my {o},\" said {H}, and cried.", "{h} looked for the {o}, but it was gone. {h} cried.", "The {o} was not there any more! {H} was sad and cried."],
        duo=["{H} was sad. \"My {o} is gone, {f}!\"", "\"Oh no! Where is my {o}?\" cried {H}. {F} looked up.", "{H} began to cry. The {o} was lost. {F} stood close by.",
             "\"I lost my {o},\" {H} told {F}, and cried.", "The {o} was lost! {H} cried, and {F} did not know what to say."]),
    "search": beat(solo=[
        "{H} looked for the {o} {at}, but it was not there.", "No {o} {at}. {H} stood and looked all around.", "{H} looked behind {view}, but the {o} was not there.",
        "[Up and down|Here and there] {h} looked, but there was no {o} {at}.", "\"Where can the {o} be?\" {H} looked and looked."],
        duo=["{H} and {F} looked for the {o} {at}, but it was not there.", "No {o} {at}. {H} and {F} looked all around.",
             "{F} looked behind {view}. {H} looked too, but there was no {o}.", "\"Where can the {o} be?\" {H} and {F} looked and looked."]),
    "tell": beat("sad", shot="close", duo=[
        "\"I lost my {o},\" {H} told {F}, and cried.", "{H} told {F} about the lost {o} and was sad.", "\"Why are you sad, {h}?\" asked {F}. \"My {o} is gone.\"",
        "\"Have you seen my {o}, {f}?\" asked {H}, and cried.", "{F} saw that {h} was sad. \"I lost my {o},\" said {h}."]),
    "help": beat("walk", "walk", go="new", duo=[
        "\"I will help you,\" said {F}. {H} and {F} walked to {to}.", "\"Let us look for it!\" {H} and {F} walked to {to}.",
        "{F} wanted to help, so {H} and {F} walked to {to}.", "\"Four eyes see more than two,\" said {F}. {H} and {F} walked to {to}.",
        "\"Come, {h}, we will find it.\" {H} and {F} walked to {to}."]),
    "found": beat(ground="o", solo=["There it was! {H} saw the {o} on the ground {at}.", "{H} looked down and saw the {o} on the ground.",
                                    "\"I see it!\" On the ground lay the {o}, and {H} looked at it.", "[And then|At last] {H} found the {o} on the ground."],
                  duo=["\"Look!\" said {F}. The {o} lay on the ground {at}, and {h} saw it.", "{H} and {F} saw the {o} on the ground!",
                       "There it was! {H} and {F} looked at the {o} on the ground.", "[At last|And then] {H} and {F} found the {o} on the ground.",
                       "\"Is that it, {h}?\" {F} had found the {o} on the ground."]),
    "take_back": beat(hold="o", friend="cheer", solo=["{H} held the {o} again. How happy {h} was!", "\"My {o}!\" said {H}, and held it.",
                                                      "{h} picked up the {o} and held it tight.", "Now {H} had the {o} back, safe in one hand."],
                      duo=["{H} held the {o} again, and {F} jumped for joy.", "\"My {o}!\" said {H} and held it. {F} jumped with joy.",
                           "Now {H} had the {o} back. {F} jumped up and down.", "{h} held the {o} tight. \"Hooray!\" {F} jumped."]),
    # journey
    "plan_trip": beat(once="map", solo=[
        "{H} held a blue map. It showed the way to {dest}.", "\"I want to go to {dest},\" said {H}, with a blue map in one hand.",
        "With a blue map in one hand, {H} dreamed of {dest}.", "{h} wanted to see {dest}. A blue map showed the way.",
        "\"How far is it to {dest}?\" {H} looked at a blue map."],
        duo=["{H} showed {F} a blue map. It showed the way to {dest}.", "\"Let us go to {dest}, {f},\" said {H}, with a blue map in one hand.",
             "\"How far is it to {dest}?\" asked {F}. {H} looked at a blue map.", "{H} and {F} wanted to see {dest}. {h} held a blue map."]),
    "set_out": beat("walk", "walk", solo=["{H} set out for {dest}.", "{h} walked and walked. It was a long way to {dest}.", "Off went {H}, on the way to {dest}.",
                                           "\"To {dest}!\" said {H}, and set out."],
                    duo=["{H} and {F} set out for {dest}.", "{H} and {F} walked and walked. It was a long way to {dest}.", "Off went {H} and {F}, on the way to {dest}.",
                         "\"To {dest}!\" said {F}, and {h} and {f} set out."]),
    "reach_quiet": beat("walk", "walk", go="dest", solo=["{H} came to {to}.", "At last {H} walked along {at}.", "There was {dest}, and {H} walked faster.", "After a long walk {H} was {at}."],
                        duo=["{H} and {F} came to {to}.", "At last {H} and {F} walked along {at}."]),
    "reach": beat("cheer", "cheer", go="dest", hold="none", solo=["At last {H} was at {to}, and jumped for joy!", "\"I am here!\" {H} jumped for joy at {to}.",
                                                                "There was {dest}! {H} threw up both arms.", "{H} had come to {to} at last, and jumped and laughed."],
                  duo=["At last {H} and {F} were at {to}! Both threw up their arms.", "\"We are here!\" {H} and {F} jumped for joy at {to}.",
                       "There was {dest}! {H} and {F} jumped and laughed.", "{H} and {F} had come to {to} at last, and jumped for joy."]),
    # friend
    "lonely": beat("sad", shot="close", solo=["{H} was sad, with no one to play with.", "\"I want a friend,\" said {H}, and cried.", "{H} felt alone and began to cry.",
                                              "\"If only I had a friend,\" said {H}, and a tear fell.", "Nobody was there to play with {H}. {h} cried a little."]),
    "wish_friend": beat("stand", solo=["{H} wished for a friend.", "\"I would like to meet someone,\" said {H}.", "{H} looked about for someone to play with.",
                                      "\"Who will play with me today?\" asked {H}."]),
    "greet": beat(shot="close", duo=["\"Do you want to play, {f}?\" asked {H}.", "{H} and {F} talked about {talk}.", "\"Will you be my friend?\" {H} asked {F}.",
                                     "\"Come with me, {f}!\" said {H}.", "\"[Gladly|Yes, please|With pleasure]!\" said {F} to {H}. They were friends at once.",
                                     "{F} liked {h}, and {h} liked {F}. Now they were friends."]),
    # bake
    "bake": beat(go="kitchen", hold="cake", solo=["{H} went into the kitchen and baked a sweet cake.", "In the kitchen, {H} held up a sweet cake. \"It is for a birthday!\"",
                                                  "{H} made a sweet cake in the kitchen.", "Flour, milk and eggs: {H} baked a sweet cake in the kitchen.",
                                                  "\"A cake must be sweet,\" said {H}, who baked one in the kitchen."],
                 duo=["{H} and {F} went into the kitchen and baked a sweet cake.", "In the kitchen, {H} held up the sweet cake that {F} had helped to bake.",
                      "Flour, milk and eggs: {H} and {F} baked a sweet cake in the kitchen.", "\"We will bake a cake,\" said {F}. Soon {H} held it up in the kitchen."]),
    "carry": beat("walk", "walk", go="new", solo=["{H} carried the sweet cake to {to}.", "With the sweet cake in one hand, {H} walked to {to}.",
                                                  "{h} walked to {to}, and did not drop the sweet cake."],
                  duo=["{H} carried the sweet cake to {to}, and {F} walked along.", "With the sweet cake in one hand, {H} walked to {to} with {F}.",
                       "{H} and {F} walked to {to}. {h} did not drop the sweet cake."]),
    "birthday": beat(shot="close", duo=["\"Happy birthday, {f}!\" said {H}.", "\"Today is your birthday, {f}!\" {H} told {F}.", "{H} sang a birthday song for {F}.",
                                        "\"For me?\" asked {F}. \"For your birthday,\" said {H}."]),
    "give_cake": beat(give="cake", duo=["{H} gave the sweet cake to {F}.", "{F} took the sweet cake. \"Thank you, {h}!\"", "Now {F} held the sweet cake. {H} smiled.",
                                        "\"It is all for you,\" said {H}, and {F} took the sweet cake."]),
    "taste": beat("sit", "sit", hold="none", duo=["{H} and {F} sat down and ate the cake, bite by bite.", "\"Mmm, how sweet!\" {H} and {F} sat and ate.",
                                     "{H} and {F} sat {at} and shared the cake.", "Not a crumb was left. {H} and {F} sat there, full and glad."],
                  solo=["{H} sat down and ate a slice of the cake.", "\"Mmm, how sweet!\" {H} sat and ate.", "Not a crumb was left. {H} sat there, full and glad."]),
    # fly a kite or a balloon
    "wind": beat(hold="o", solo=["The wind was strong. {H} held {ao}.", "\"Just the wind for {ao}!\" said {H}, and held it.", "{H} felt the wind and took out {ao}.",
                                 "{h} held {ao} and waited for the wind."],
                 duo=["The wind was strong. {H} held {ao}, and {F} looked on.", "\"Just the wind for {ao}!\" {H} told {F}, and held it.",
                      "{F} felt the wind. {H} took out {ao}.", "\"Let us fly {ao},\" said {H} to {F}."]),
    "run_fly": beat("walk", "walk", solo=["{H} ran {at} with the {o}, faster and faster.", "{h} ran, and the {o} began to fly.", "Run, {h}, run! Up went the {o}."],
                    duo=["{H} ran {at} with the {o}, and {F} ran along.", "{H} and {F} ran, and the {o} began to fly.", "Run, {h}, run! Up went the {o}, and {F} ran too."]),
    "fly": beat(solo=["The {o} flew high over {h}, who held the string.", "Up, up it flew! {H} held on to the {o}.", "{H} flew the {o} above {view}.",
                      "\"See how it flies!\" {H} looked up at the {o}."],
                duo=["{H} and {F} flew the {o} above {view}.", "Up, up it flew! {H} held on to the {o}, and {F} looked up.",
                     "\"See how it flies!\" said {F}. {H} held the string.", "The {o} flew high over {H} and {F}."]),
    "let_fly": beat(give=True, duo=["\"Now you, {f},\" said {H}. {F} held the {o}.", "{F} wanted to try, and {H} gave over the {o}.", "It was {f}'s turn. {F} flew the {o}, and {H} looked up."]),
    # ball
    "bring_ball": beat(ground="ball", solo=["{H} had a blue ball. It lay on the ground {at}.", "A blue ball lay on the ground. \"Time to play!\" said {H}."],
                       duo=["{H} and {F} had a blue ball. It lay on the ground {at}.", "A blue ball lay on the ground. \"Let us play!\" {H} said to {F}.",
                            "\"Do you like to play ball?\" asked {H}. {F} looked at the blue ball on the ground."]),
    "play_ball": beat("cheer", "cheer", ground="ball", duo=["{H} and {F} jumped and played with a blue ball {at}.", "{H} and {F} played with the blue ball and laughed.",
                                                        "Hop, catch, throw! {H} and {F} jumped and played ball.", "The blue ball flew to and fro, and {H} and {F} jumped after it."],
                      solo=["{H} jumped and played with a blue ball {at}.", "{H} threw the blue ball up high and jumped after it.", "Hop, catch, throw! {H} jumped and played ball."]),
    "goal": beat("cheer", "cheer", duo=["\"Goal!\" shouted {F}. {H} jumped high.", "One for {h}, one for {f}! {H} and {F} threw up their arms.", "{H} caught the ball, and {F} jumped and laughed."],
                 solo=["\"Goal!\" shouted {H}, and jumped high.", "{H} caught the ball and threw up both arms."]),
    # bring
    "pack": beat(hold="o", solo=["{H} held {ao}. \"This is for {someone}.\"", "\"I will bring {someone} {ao},\" said {H}, and held it.", "{H} had {ao} to give away.",
                                 "In one hand {H} held {ao} for {someone}."]),
    "carry_o": beat("walk", "walk", go="dest", solo=["{H} carried the {o} to {to}.", "With the {o} in one hand, {H} walked to {to}.", "{h} walked all the way to {to} with the {o}."]),
    "hand_over": beat(give=True, duo=["\"This is for you, {f}.\" {H} gave {F} the {o}.", "{H} gave the {o} to {F}, who smiled.", "{F} took the {o}. \"For me? Thank you, {h}!\"",
                                      "\"A gift for me?\" {F} took the {o} from {H}.", "Now {F} held the {o}. {H} had brought it all the way."]),
    # read
    "open_book": beat("sit", "sit", once="book", solo=["{H} sat down with a blue book.", "{H} sat {at} and opened a blue book.", "\"Once upon a time,\" read {H}, who sat with a blue book."],
                      duo=["{H} and {F} sat down with a blue book.", "{H} sat with {F} and opened a blue book.", "\"Read to me, {h},\" said {F}. {H} sat with a blue book.",
                           "\"Once upon a time,\" read {H}. {F} sat and listened."]),
    "read": beat("sit", "sit", once="book", solo=["{H} sat and read about {talk}.", "Page after page {h} read, and sat very still.", "The book told of {talk}. {H} sat and read on."],
                 duo=["{H} sat and read to {F} about {talk}.", "Page after page {h} read, and {F} sat very still.", "The book told of {talk}. {H} and {F} sat and read on.",
                      "{F} asked, \"What happens next?\" {H} sat and read on."]),
    "close_book": beat("stand", solo=["\"What a good book!\" said {H}, and closed it.", "{H} closed the book and thought about {talk}."],
                       duo=["\"What a good book!\" said {F}. {H} closed it.", "{H} closed the book, and {F} asked for one more.", "{H} and {F} talked about the book."], shot="close"),
    # fear
    "afraid": beat("sad", shot="close", solo=["{H} was afraid of {fright} and cried.", "\"I am so afraid of {fright},\" said {H}, and began to cry.",
                                              "What was that? {H} was scared of {fright}, and a tear fell.", "{H} did not like {fright} at all. {h} was scared and cried."],
                   duo=["{H} was afraid of {fright} and cried. {F} came close.", "\"I am so afraid of {fright},\" {H} told {F}, and cried.",
                        "{H} was scared of {fright}. \"What is it, {h}?\" asked {F}."]),
    "calm": beat("sit", "sit", duo=["{F} sat down close to {H}. \"I am with you.\"", "\"You need not be afraid, {h}.\" {F} sat down with {H}.", "{F} sat by {H} and held {h}'s hand.",
                                    "{H} and {F} sat close together. It was not so bad now.", "\"I was afraid once too,\" said {F}, and sat with {H}."],
                 solo=["{H} sat down and took a deep breath.", "\"It is only {fright},\" said {H}, and sat very still.", "{H} sat down and hummed a soft tune."]),
    "light": beat(once="lantern", solo=["{H} held up a red lantern. Now it was bright.", "A red lantern helped. {H} held it up and was less afraid."],
                  duo=["{H} held up a red lantern, and {F} stood close. Now it was bright.", "{F} lit a red lantern for {H}, who held it up.",
                       "With a red lantern in one hand, {H} looked around, and {F} too."]),
    "not_afraid": beat("stand", solo=["It was only the wind. {H} smiled.", "\"There is nothing to fear,\" said {H}, and stood up straight.", "{H} was not afraid any more."],
                       duo=["It was only the wind. {H} and {F} smiled.", "\"There is nothing to fear,\" said {F}, and {h} stood up straight.", "{H} was not afraid any more, now that {F} was there.",
                            "\"You are brave, {h},\" said {F}."]),
    # sad
    "weep": beat("sad", shot="close", solo=["{H} was sad and did not know why.", "A tear fell. {H} was sad today.", "{H} cried and cried.", "\"I feel so sad,\" said {H}, and cried.",
                                            "Nothing went right today. {H} was sad and cried."],
                 duo=["{H} was sad. {F} saw a tear.", "\"I feel so sad,\" {H} told {F}, and cried.", "Nothing went right today. {H} cried, and {F} stood close by."]),
    "ask_why": beat("sad", shot="close", duo=["\"Why do you cry, {h}?\" asked {F}.", "{F} saw that {H} was sad. \"What is wrong?\"", "\"Tell me all about it,\" said {F} to {H}, who cried."]),
    "comfort": beat("sit", "sit", duo=["{F} sat with {H} and held {h}'s hand.", "{F} sat down beside {H}. \"I will stay with you.\"", "\"It will be all right,\" said {F}, and sat close to {H}.",
                                       "{H} and {F} sat side by side. It felt better to be two.", "{F} gave {H} a hug, and they sat together."]),
    "smile": beat("stand", duo=["{H} dried the tears and smiled at {F}.", "{F} made a funny face, and {h} smiled.", "\"Thank you, {f}. I feel better,\" said {H}.", "{H} smiled again, and {F} was glad."],
                  solo=["{H} dried the tears and smiled.", "\"Tomorrow will be better,\" said {H}, and smiled.", "The sad hour was over, and {H} smiled."], shot="close"),
    # dance and sing
    "music": beat("stand", solo=["{H} heard music {at}.", "La, la, la! {H} heard a song and could not stand still.", "\"I want to dance,\" said {H}."],
                  duo=["{H} and {F} heard music {at}.", "\"Will you dance with me, {f}?\" asked {H}.", "La, la, la! {F} sang, and {H} listened.", "\"I want to dance,\" said {H} to {F}."]),
    "try_dance": beat("cheer", "cheer", solo=["{H} tried to dance and jumped to the left and the right.", "Hop and turn! {H} danced {at}.", "{H} sang a song and danced with both arms up."],
                      duo=["{H} tried to dance. {F} danced along.", "Hop and turn! {H} and {F} danced {at}.", "{H} sang a song, and {F} danced with both arms up.", "One, two, three: {F} showed {H} how to dance."]),
    "stumble": beat("sit", solo=["Oops! {H} fell and sat on the ground.", "{H} turned too fast and sat down with a bump."],
                    duo=["Oops! {H} fell and sat on the ground. {F} laughed.", "{H} turned too fast and sat down with a bump. \"Up again!\" said {F}."]),
    "dance": beat("cheer", "cheer", solo=["Now {h} could do it! {H} danced and sang.", "{H} danced on and on, as light as a feather."],
                  duo=["Now it went well! {H} and {F} danced and sang.", "{H} and {F} danced on and on, as light as feathers.", "Round and round danced {H} and {F}.", "Everyone {at} looked on as {H} and {F} danced."]),
    # hide and seek
    "count": beat("stand", duo=["\"Let us play hide and seek!\" said {H}. {F} liked that.", "\"One, two, three,\" counted {F}. {H} looked for a place to hide.", "{H} and {F} played hide and seek {at}."]),
    "hide": beat("sit", "stand", duo=["{F} counted to ten. {H} hid behind {view} and sat very still.", "Hush! {H} sat and hid {at} while {F} counted.", "{H} sat down behind {view}. {F} could not see {h} there."]),
    "seek": beat("stand", "walk", duo=["{F} walked about and looked for {H}.", "\"Where are you, {h}?\" {F} walked up and down, quite near {H}.", "{F} walked past {H} and saw nothing."]),
    "spotted": beat("cheer", "cheer", duo=["\"I found you!\" {F} and {H} jumped and laughed.", "\"There you are, {h}!\" called {F}. {H} and {F} jumped.", "{F} found {H} at last, and both laughed and jumped."]),
    "swap": beat("stand", duo=["\"Now you hide, {f},\" said {H}.", "It was {f}'s turn to hide. {H} counted to ten.", "\"Again!\" said {F} to {H}."]),
    # plant
    "seed": beat("sit", "sit", solo=["{H} sat on the ground and planted a seed.", "\"Grow, little seed,\" said {H}, who sat and dug a hole {at}."],
                 duo=["{H} and {F} sat on the ground and planted a seed.", "\"Grow, little seed,\" said {H}, who sat there with {F}.", "{F} sat and dug a hole, and {H} put a seed in."]),
    "water": beat("stand", solo=["{H} gave the seed some water.", "Drip, drop! {H} watered the seed {at}."], duo=["{H} gave the seed some water, and {F} looked on.", "Drip, drop! {H} and {F} watered the seed {at}."]),
    "wait": beat("sit", "sit", solo=["{H} sat and waited. Would it grow?", "\"How long must I wait?\" {H} sat and looked at the ground."],
                 duo=["{H} and {F} sat and waited. Would it grow?", "\"How long must we wait?\" asked {F}, who sat with {H}."]),
    "grow": beat(ground="flower", solo=["A pink flower had grown {at}! {H} looked at it.", "Up came a pink flower, and {H} was proud."],
                 duo=["A pink flower had grown {at}! {H} and {F} looked at it.", "Up came a pink flower. \"Look, {h}!\" said {F}.", "There it was, a pink flower. {H} and {F} were proud."]),
    "smell": beat(once="flower", solo=["{H} held a pink flower. It smelled so good.", "How sweet the pink flower smelled! {H} held it."],
                  duo=["{H} held a pink flower up to {F}. It smelled so good.", "\"Smell it, {f}!\" {H} held a pink flower."]),
    # stars
    "night_falls": beat("stand", time="night", solo=["Night came, and the stars came out. {H} looked up.", "It grew dark {at}. {H} waited for the stars.", "\"Soon I will see the stars,\" said {H}. It was night."],
                        duo=["Night came, and the stars came out. {H} and {F} looked up.", "It grew dark {at}. {H} and {F} waited for the stars.", "\"Soon we will see the stars,\" {H} told {F}. It was night."]),
    "gaze": beat("sit", "sit", solo=["{H} sat and watched the stars.", "{H} sat {at} and looked at the stars, so many and so far."],
                 duo=["{H} and {F} sat and watched the stars.", "{H} and {F} sat {at} and looked at the stars, so many and so far.", "\"How far are the stars?\" asked {F}, who sat with {H}."]),
    "count_stars": beat("sit", "sit", shot="close", solo=["\"One, two, three...\" {H} sat and counted the stars."], duo=["\"One, two, three...\" {H} and {F} sat and counted the stars.", "{F} counted ten stars. {H}, who sat close by, counted twelve."]),
    "wish": beat("wave", "wave", solo=["A star fell! {H} waved at it and made a wish.", "{H} waved at the stars and made a wish."],
                 duo=["A star fell! {H} and {F} waved at it and made a wish.", "\"Make a wish, {f}!\" {H} and {F} waved at the stars."]),
    # picnic
    "basket": beat(hold="apple", solo=["{H} had a red apple for a picnic.", "\"Time for a picnic!\" said {H}, a red apple in one hand."],
                   duo=["{H} had a red apple for a picnic with {F}.", "\"Time for a picnic, {f}!\" said {H}, a red apple in one hand.", "\"I am hungry,\" said {F}. {H} held a red apple for the picnic."]),
    "eat": beat("sit", "sit", solo=["{H} sat {at} and ate the red apple.", "Crunch! {H} sat and took a bite of the apple."],
                duo=["{H} and {F} sat {at} and ate red apples.", "Crunch! {H} sat with {F} and took a bite of the apple.", "The picnic was good. {H} and {F} sat and ate."]),
    "share": beat("sit", "sit", give="apple", duo=["\"Half for you, {f}.\" {H} sat and gave {F} the apple.", "{F} sat and took the apple that {H} shared.", "{H} and {F} sat and shared the red apple."]),
    "nap": beat("sit", "sit", hold="none", solo=["{H} sat in the grass, full and glad.", "After the picnic {H} sat and rested."], duo=["After the picnic {H} and {F} sat and rested.", "{H} and {F} sat there, full and glad."]),
    # race
    "line_up": beat("stand", duo=["\"Let us race, {f}!\" said {H}.", "{H} and {F} stood side by side. \"Ready?\"", "\"I am faster than you,\" {F} told {H}. \"Let us race!\""]),
    "go_race": beat("walk", "walk", duo=["\"One, two, three, go!\" {H} and {F} ran.", "{H} and {F} ran as fast as they could.", "Off they ran! {F} was in front, then {H}.", "{H} ran past {view}, and {F} ran close behind."]),
    "race_on": beat("walk", "walk", go="dest", duo=["{H} and {F} ran all the way to {to}.", "The race went on to {to}. {H} and {F} ran side by side.", "Faster and faster ran {H} and {F}, up to {to}."]),
    "finish": beat("cheer", "cheer", duo=["{h} won the race! {H} and {F} threw up their arms.", "{f} won the race! {H} and {F} jumped for joy.", "Nobody won: {H} and {F} came in as one, and jumped.", "\"What a race!\" {H} and {F} jumped and laughed."]),
    # treasure
    "old_map": beat(hold="map", solo=["{H} had a blue map. It showed a treasure.", "\"A treasure!\" {H} looked at a blue map.", "On a blue map {H} saw the way to a treasure."],
                    duo=["{H} showed {F} a blue map. It showed a treasure.", "\"A treasure!\" {H} and {F} looked at a blue map.", "On a blue map {H} and {F} saw the way to a treasure."]),
    "follow": beat("walk", "walk", go="dest", solo=["{H} followed the map to {to}.", "Ten steps this way, ten steps that way: {H} walked to {to}."],
                   duo=["{H} and {F} followed the map to {to}.", "Ten steps this way, ten steps that way: {H} and {F} walked to {to}."]),
    "dig": beat("sit", "sit", hold="none", solo=["\"It must be here.\" {H} sat down and dug.", "{H} dug a deep hole {at} and sat beside it."],
                duo=["\"It must be here.\" {H} and {F} sat down and dug.", "{H} and {F} dug a deep hole {at} and sat beside it.", "{F} dug, {h} dug, and then both sat to rest."]),
    "treasure": beat(ground="gift", solo=["There was the treasure: a big gift on the ground! {H} looked at it.", "{H} found the treasure, a big gift on the ground."],
                     duo=["There was the treasure: a big gift on the ground! {H} and {F} looked at it.", "{H} and {F} found the treasure, a big gift on the ground.", "\"The treasure!\" said {F}. {h} saw a big gift on the ground."]),
    "open_gift": beat(once="key", solo=["In the gift was a golden key. {H} held it up."], duo=["In the gift was a golden key. {H} held it up, and {F} clapped.", "\"A golden key!\" said {F}. {H} held it."]),
    # rain
    "clouds": beat("stand", solo=["Grey clouds came. {H} looked up.", "\"It smells of rain,\" said {H}."], duo=["Grey clouds came. {H} and {F} looked up.", "\"It smells of rain,\" said {F} to {H}."]),
    "umbrella": beat(once="umbrella", weather="rain", solo=["It rained and rained. {H} held a purple umbrella.", "{H} opened a purple umbrella. Rain fell {at}.", "Drip, drop! {H} stood under a purple umbrella in the rain."],
                     duo=["It rained and rained. {H} held a purple umbrella over {F}.", "{H} shared a purple umbrella with {F}. Rain fell {at}.", "Drip, drop! {H} and {F} stood under a purple umbrella in the rain.",
                          "\"Come under my umbrella, {f}!\" {H} held a purple umbrella in the rain."]),
    "puddle": beat("cheer", "cheer", solo=["Splash! {H} jumped in the rain.", "{H} jumped from puddle to puddle."], duo=["Splash! {H} and {F} jumped in the rain.", "{H} and {F} jumped from puddle to puddle.", "\"I like the rain,\" said {F}, and {h} and {f} jumped."]),
    "rainbow": beat("wave", "wave", weather="rainbow", solo=["The rain stopped, and {H} waved at the rainbow.", "A rainbow! {H} waved at it.", "The sun came back with a rainbow, and {H} waved."],
                    duo=["The rain stopped, and {H} and {F} waved at the rainbow.", "A rainbow! {H} and {F} waved at it.", "The sun came back with a rainbow, and {H} and {F} waved."]),
    # help
    "in_need": beat("stand", "sad", shot="close", duo=["{F} was sad. \"I cannot find the way home,\" {f} told {H}.", "\"Please help me, {h}.\" {F} cried. The way home was lost.", "{F} was lost and cried. \"I will help you,\" said {H}.",
                                                      "\"What is wrong, {f}?\" asked {H}. {F} cried."]),
    "lead": beat("walk", "walk", duo=["\"I know the way,\" said {H}. {H} and {F} walked on.", "{H} went first, and {F} walked behind.", "\"Stay close to me, {f},\" said {H}, and they walked on."]),
    "lead_home": beat("walk", "walk", go="dest", duo=["{H} helped {F} and walked with {f} to {to}.", "{H} and {F} walked to {to}, where {F} lived.", "Step by step {H} led {F} to {to}."]),
    "thanks": beat("stand", "wave", duo=["\"Thank you for your help, {h}!\" {F} waved.", "\"Without you I would be lost,\" {F} told {H}, and waved.", "{F} was home and waved. \"You are kind, {h}.\""]),
    # visit
    "visit": beat("stand", "wave", shot="close", duo=["\"How good that you came, {h}!\" {F} waved.", "{F} had waited for {H} {at}, and waved.", "\"I came to see you, {f},\" said {H}. {F} waved."]),
}

# --- beats that may stand anywhere ----------------------------------------------------------------------------------------------------
FILLERS = {
    "rest": beat("sit", "sit", solo=["{H} sat down {at} to rest.", "{H} was tired and sat on the ground.", "{H} sat for a while and was quiet.", "\"My feet are tired,\" said {H}, and sat down."],
                 duo=["{H} and {F} sat down {at} to rest.", "{H} and {F} sat on the ground and were quiet.", "\"Let us rest,\" said {F}. {H} and {F} sat down.", "{F} was tired, so {H} and {F} sat down."]),
    "look": beat(solo=["{H} stood and looked at {view}.", "\"How lovely!\" said {H}, and looked at {view}.", "{H} had never seen {view} from so near.", "{H} stood still before {view}."],
                 duo=["{H} and {F} stood and looked at {view}.", "\"How lovely!\" {H} and {F} looked at {view}.", "{F} showed {H} {view}.", "\"Do you see {view}?\" {H} asked {F}."]),
    "jump": beat("cheer", "cheer", solo=["{H} jumped and laughed {at}.", "Hop, hop! {H} jumped over a stone."], duo=["{H} and {F} jumped and laughed {at}.", "{F} told a joke. {H} and {F} jumped and laughed.", "Hop, hop! {H} and {F} jumped over a stone."]),
    "talk": beat(shot="close", solo=["{H} thought about {talk}.", "\"What a day!\" thought {H}.", "{H} told the wind about {talk}."],
                 duo=["{H} told {F} about {talk}.", "{F} told {H} about {talk}.", "\"I like you, {h},\" said {F}.", "\"Do you ever think of {talk}?\" {F} asked {H}.", "\"Tell me about {talk},\" said {H} to {F}."]),
    "greet_all": beat("wave", "wave", solo=["{H} waved at the birds {at}.", "{H} waved and called out, \"Hello!\"", "A bee flew by, and {H} waved at it."],
                      duo=["{H} and {F} waved at the birds {at}.", "{H} and {F} waved and called out, \"Hello!\"", "A bee flew by, and {H} and {F} waved at it."]),
    "arrive": beat("walk", "walk", go="new", solo=["{H} walked to {to}.", "Then {H} came to {to}.", "{H} went on to {to}, step by step.", "Soon {H} walked along {at}.", "{H} set off and walked to {to}.", "The path led {H} to {to}."],
                   duo=["{H} and {F} walked to {to}.", "Then {H} and {F} came to {to}.", "{H} and {F} went on to {to}, step by step.", "Side by side, {H} and {F} walked to {to}.", "The path led {H} and {F} to {to}.",
                        "\"Come, {f}, there is more to see.\" {H} and {F} walked to {to}."]),
    "snack": beat(once="apple", solo=["{H} held a red apple and took a bite.", "{H} was hungry and ate a red apple."], duo=["{H} held a red apple and took a bite. {F} stood close by.", "{H} was hungry and ate a red apple with {F}."]),
    "flower": beat(once="flower", solo=["{H} picked a pink flower {at}.", "{H} held a pink flower and smelled it."], duo=["{H} picked a pink flower for {F}.", "{H} held a pink flower, and {F} smelled it."]),
    "own": beat(once="o", solo=["{H} had {ao} along and held it up.", "\"See my {o}!\" {H} held up {ao}.", "{h} never went out without {ao}, and held it now.", "In one hand {H} held {ao}."],
                duo=["{H} showed {F} {ao}.", "\"See my {o}, {f}!\" {H} held it up.", "{H} had {ao} along. {F} liked it.", "In one hand {H} held {ao}, and {F} looked at it."]),
}

# --- endings: each plot may end in some of them ------------------------------------------------------------------------------------------
ENDINGS = {
    "bed": beat("sleep", go="bedroom", time="night", alone=True, bed=True, solo=[
        "That night {H} slept in bed and dreamed of {talk}.", "At home {H} lay in bed and fell asleep. \"Good night!\"", "Tired and happy, {H} fell asleep in bed.", "Later {H} slept in bed, warm and safe."]),
    "sunset": beat("sit", "sit", time="sunset", hold="none", solo=["{H} sat {at} and watched the sun go down.", "The sky was gold, and {H} sat {at} until the sun was gone."],
                   duo=["{H} and {F} sat {at} and watched the sun go down.", "The sky was gold. {H} and {F} sat {at}, friends for ever."]),
    "dance_end": beat("cheer", "cheer", hold="none", solo=["{H} jumped for joy {at}. What a day!", "{H} was happy and danced {at}."],
                      duo=["{H} and {F} jumped for joy {at}. What a day!", "{H} and {F} were happy and danced {at}.", "And so {H} and {F} danced and laughed {at}."]),
    "home": beat("walk", "walk", hold="none", solo=["{H} walked home, and hummed a tune on the way.", "It had been a good day, and {H} walked home.", "\"Time to go home,\" said {H}, and walked off."],
                 duo=["{H} and {F} walked home side by side.", "It had been a good day. {H} and {F} walked home.", "\"Time to go home, {f}.\" {H} and {F} walked off, hand in hand."]),
    "promise": beat("wave", "wave", hold="none", duo=["\"Come again tomorrow, {h}!\" said {F}, and {H} and {F} waved.", "\"We will meet again,\" said {H}. {H} and {F} waved.", "{H} and {F} waved. They would be friends for ever."],
                    solo=["{H} waved. \"I will come back tomorrow!\"", "{H} waved at {view} one last time."]),
    "supper": beat("sit", "sit", go="kitchen", hold="none", solo=["In the kitchen {H} sat down to a warm supper.", "Soup was ready. {H} sat in the kitchen and ate it all."],
                   duo=["In the kitchen {H} and {F} sat down to a warm supper.", "Soup was ready. {H} and {F} sat in the kitchen and ate it all."]),
    "quiet": beat("sit", "sit", hold="none", solo=["{H} sat {at}, and all was well.", "Now {H} was at peace, and sat and smiled {at}."],
                  duo=["{H} and {F} sat close together {at}, and all was well.", "Now {H} was at peace, and sat with {F} {at}.", "\"I am glad you are here, {f}.\" {H} and {F} sat close together."]),
    "proud": beat("stand", hold="none", shot="close", solo=["{H} smiled. \"I did it!\"", "\"I will never forget this day,\" said {H}."],
                  duo=["\"We did it, {f}!\" said {H}.", "\"I will never forget this day,\" {H} told {F}.", "{H} and {F} smiled at each other. It was the best of days."]),
}
GLAD, SOFT = ("bed", "sunset", "dance_end", "home", "promise", "supper", "proud"), ("bed", "quiet", "quiet", "home", "promise")
END_FREQUENCY = {"bed": 0.7, "sunset": 0.7}

# --- plots: beats with the rank in which they are left out of a short story (1 stays longest); "+": follows the one before at once -----------
# objects: what the thing may be (None: any); friend: needed, or may be missing; ends; start: where it may begin
PLOTS = {
    "find": dict(beats="see 1, +pick 2, wonder 6, arrive 7, meet 3, +ask 5, +give 4, +thank 8", friend="needed", ends=GLAD),
    "find_keep": dict(beats="see 1, +pick 2, wonder 4, arrive 7, own 6, look 5, keep 3", friend="none", ends=GLAD),
    "lose": dict(beats="lose 1, search 6, arrive 8, meet 3, +tell 5, +help 7, found 4, +take_back 2", friend="needed", ends=GLAD),
    "lose_alone": dict(beats="lose 1, search 4, arrive 5, search 6, found 3, +take_back 2", friend="none", ends=GLAD),
    "go": dict(beats="plan_trip 2, set_out 4, arrive 5, meet 3, +greet 7, reach 1, look 6", friend="maybe", ends=GLAD),
    "visit": dict(beats="set_out 3, arrive 4, rest 6, reach_quiet 1, meet 2, +visit 5, jump 7", friend="needed", ends=GLAD),
    "meet": dict(beats="wish_friend 5, arrive 6, meet 1, +greet 2, play_ball 3, talk 4, jump 7", friend="needed", ends=GLAD),
    "lonely": dict(beats="lonely 2, meet 1, +ask_why 5, +greet 3, play_ball 4, rest 6", friend="needed", ends=GLAD),
    "bake": dict(beats="bake 1, carry 4, meet 2, +birthday 5, +give_cake 3, +taste 6", objects=("cake",), friend="needed", ends=GLAD),
    "fly": dict(beats="wind 2, run_fly 4, fly 1, meet 5, let_fly 3, +jump 6", objects=("kite", "balloon"), friend="needed", ends=GLAD),
    "play": dict(beats="meet 2, bring_ball 3, +play_ball 1, goal 4, jump 6, rest 5", objects=("ball",), friend="needed", ends=GLAD),
    "bring": dict(beats="pack 2, carry_o 4, meet 3, +hand_over 1, +thank 5", friend="needed", ends=GLAD),
    "read": dict(beats="meet 3, open_book 2, +read 1, read 5, close_book 4", objects=("book",), friend="maybe", ends=("bed", "quiet", "home", "promise", "proud")),
    "fear": dict(beats="afraid 1, meet 3, +calm 2, light 5, not_afraid 4", friend="needed", ends=SOFT),
    "sad": dict(beats="weep 1, meet 3, +ask_why 5, +comfort 2, smile 4", friend="needed", ends=SOFT),
    "dance": dict(beats="music 3, meet 2, try_dance 4, stumble 5, dance 1", friend="maybe", ends=GLAD),
    "hide": dict(beats="meet 3, +count 1, hide 4, seek 5, +spotted 2, swap 6", friend="needed", ends=GLAD),
    "plant": dict(beats="seed 1, water 3, meet 5, wait 4, grow 2, smell 6", objects=("flower",), friend="maybe", ends=GLAD),
    "stars": dict(beats="night_falls 3, meet 4, gaze 1, count_stars 5, wish 2", friend="maybe", ends=("bed", "quiet", "home", "promise", "proud")),
    "picnic": dict(beats="meet 3, basket 1, arrive 5, eat 2, +share 4, nap 6", objects=("apple",), friend="needed", ends=GLAD),
    "race": dict(beats="meet 3, +line_up 2, go_race 1, race_on 4, +finish 2", friend="needed", ends=GLAD),
    "treasure": dict(beats="old_map 2, meet 5, follow 3, +dig 4, +treasure 1, open_gift 6", objects=("map",), friend="maybe", ends=GLAD),
    "share": dict(beats="meet 3, clouds 4, umbrella 1, puddle 5, rainbow 2", objects=("umbrella",), friend="needed", ends=GLAD),
    "help": dict(beats="meet 3, +in_need 1, lead 4, +lead_home 2, +thanks 3", friend="needed", ends=GLAD),
}
FREQUENCY = {"find": 1.6, "lose": 1.4, "go": 1.3, "find_keep": .6, "lose_alone": .4, "meet": 1.2, "bake": 1.1, "fear": 1.2, "sad": 1.2, "lonely": .7}
# what a long story goes on with, at another place; `alone`: also without a friend
EPISODES = {
    "find": dict(beats="see 1, +pick 2, wonder 4, keep 3", alone=True),
    "play": dict(beats="bring_ball 2, +play_ball 1, goal 3", objects=("ball",), alone=True),
    "fly": dict(beats="wind 2, run_fly 3, fly 1, let_fly 4", objects=("kite", "balloon"), alone=True),
    "picnic": dict(beats="basket 1, +eat 2, share 3, nap 4", objects=("apple",), alone=True),
    "dance": dict(beats="music 3, try_dance 1, stumble 4, dance 2", alone=True),
    "hide": dict(beats="count 1, hide 2, seek 4, spotted 3, swap 5", alone=False),
    "race": dict(beats="line_up 2, go_race 1, finish 3", alone=False),
    "share": dict(beats="clouds 4, umbrella 1, puddle 3, rainbow 2", objects=("umbrella",), alone=True),
    "plant": dict(beats="seed 1, water 3, wait 4, grow 2, smell 5", objects=("flower",), alone=True),
    "read": dict(beats="open_book 2, read 1, close_book 3", objects=("book",), alone=True),
    "stars": dict(beats="gaze 1, count_stars 3, wish 2", objects=("star",), alone=True),
    "fear": dict(beats="afraid 1, calm 2, light 4, not_afraid 3", objects=("lantern",), alone=True),
}
QUEST = ("lantern", "balloon", "kite", "key", "star", "gift", "ball", "book", "bell", "shell", "teddy", "map", "flower", "apple", "umbrella")
TALKING_OF = ("the long way", "the stars", "a funny dream", "the sea", "the best games", "a secret place", "old songs", "a dragon", "the moon", "far lands", "the first snow", "a brave king",
              "warm soup", "the wind", "tall ships", "the summer")
FRIGHTS = ("the dark", "the dark", "a strange sound", "the thunder", "the shadows", "the big night")
