"""Every sentence a visitor reads that does not come from the engine."""

from ..events import Heard, Hit, Matches, Setting, Truth

TITLE = "SoundCLIP"
SUBTITLE = "One sound, two tokens: raw and projected. See which clips each one finds, and what a LLaVA writes of it."
SUITES = {
    "compact": "Compact suite: compact CLIP space (EfficientNet-Lite0), LLaVA architecture with "
    "SmolLM2-135M, small audio encoders. Small on purpose, so that all of it runs on two processor "
    "cores, offline.",
    "paper": "Paper suite: CLIP ViT-L/14 (336 px) inside LLaVA-1.6-Mistral-7B, published audio encoders.",
}

UPLOAD_TAB = "Sound or video file"
MICROPHONE_TAB = "Microphone"
UPLOAD = "Sound or video file"
MICROPHONE = "Record a sound"
RECORDING = "Recording"
EXAMPLES = "Or try one of these"
NO_SOUND = "No sound yet."
CANNOT_PLAY = "Your browser cannot play this format. The demo could read it."
WINDOW = "Start of the window in seconds"
PLAY = "Play the sound"

ENCODER = "Audio encoder"
NO_ENCODER = "No audio encoder is ready yet."
LISTENING = "{encoder} is listening…"
HEARD_ONCE = "Heard once for both columns: {times}"
MODES = {
    "projected": "projected",
    "raw": "raw",
    "blend": "blend",
}
SHARE = "Right column: from raw (0) to projected (1)"
SIDES = {
    "raw": ("Raw", "The encoder's own numbers, zeros added at the end."),
    "projected": ("Projected", "The same numbers, moved into picture space by a trained projector."),
    "blend": ("Blend t = {t:.2f}", "{raw:.0%} raw and {projected:.0%} projected, added."),
}

CAPTION_SETTINGS = "Caption settings"
PROTOCOL = "LLaVA"
PROTOCOLS = {"frozen": "frozen: never saw a sound", "tuned": "tuned: with an adapter for sound tokens"}
PROTOCOL_NOTE = "Frozen is the paper's way. Tuned shows what sound tokens are worth to a model that learned them."
SEES = "The caption model sees"
SEES_SOUND = "the sound only"
SEES_MATCH = "the sound + patches of the best match"
SEES_PICTURE = "the sound + patches of your picture"
PICTURE = "Picture or video"
PICTURE_FIRST = "Add a picture or a video first, or let the model see the best match instead."
PROMPT = "Prompt"
PAPER_PROMPT = "Use the paper's prompt"

CAPTION = "Caption"
CAPTION_EMPTY = "What a LLaVA writes of this token will stand here."
CAPTION_WAITING = "Waiting for the caption model…"
CAPTION_READING = "Reading the sound token…"
CAPTION_STOPPED = "Stopped."
CAPTION_NOTHING = "The model wrote nothing for this token."
WRITTEN_BY = {
    "compact": "Written by a small language model (135 M parameters), {protocol}, from {seen}. It is often wrong.",
    "paper": "Written by LLaVA-1.6-Mistral-7B, {protocol}, from {seen}. It can be wrong.",
}
NAMES = {True: "names what sounds", False: "does not name what sounds"}
MARKS = "<mark>Marked</mark> words name what truly sounds ({category})."
SEEN_SOUND = "the sound token only"
SEEN_PATCHES = "the sound token and {k} patches of {source}"
SEEN_MATCH_FRAME = "the projected token's best match"
SEEN_OWN_PICTURE = "your picture"
STOP = "Stop"
AGAIN = "Describe again"

LOOK = "What the model looks at"
LOOK_NOTE = (
    "Each square is a patch of one frame, coloured by its cosine to the token; one scale serves both columns. The k "
    "nearest patches, outlined, go to the caption model beside the sound. A patch also knows something of its "
    "surroundings."
)
LOOK_AT = {
    "clip": "The frame of the projected token's best match ({category}), under both tokens",
    "picture": "Your picture, under both tokens",
}
LOOK_K = "Patches beside the sound:"
LOOK_VEIL = "Strength of the heat map"
LOOK_EVERY = "all {k}"
LOOK_WORDS = {
    "empty": "Give a sound first; then the frame of its best match is shown here.",
    "only": "sound only",
    "count": "{k} of {of}",
    "none": "No patch goes along. The nearest lies {place} (cosine {nearest}; mean {mean}).",
    "kept": "{k} patches, {place} (nearest {nearest}; mean {mean}).",
    "all": "The whole frame goes along (nearest {nearest}; mean {mean}).",
    "both": "mostly {one} and {other}",
    "spread": "spread over the frame",
    "places": [
        "at the top left",
        "at the top",
        "at the top right",
        "on the left",
        "in the centre",
        "on the right",
        "at the bottom left",
        "at the bottom",
        "at the bottom right",
    ],
}

QUESTION = "Ask about the sound"
QUESTION_HINT = "For instance: What is making this sound?"
ASK = "Ask"
ASK_STOP = "Stop answering"
ASK_WHICH = "Whose token answers"
ASK_SIDES = {"raw": "left column (raw)", "projected": "right column"}
ASK_LOG = "Questions and answers"
ASK_NO_SOUND = "Give a sound first; then you can ask about it."
ASK_WAITING = "Waiting for the caption model…"
ASK_STOPPED = "Stopped."
ASK_NOTHING = "The model answered nothing."
ASK_NOTE = {
    "compact": "The LLaVA of the captions answers: a language model of 135 M parameters, often wrong.",
    "paper": "The LLaVA of the captions answers: LLaVA-1.6-Mistral-7B, sometimes wrong.",
}

COMPARE = "Compare"
COMPARE_RUN = "Compare all encoders"
COMPARE_STOP = "Stop comparing"
COMPARE_NO_SOUND = "Give a sound first; then every encoder can hear it."
COMPARE_TABLE = "What every audio encoder finds, raw and projected"
COMPARE_NOTE = (
    "A raw token was never trained to lie near pictures: chance is what to expect of it. Both modes share one "
    "embedding, made anew for this table; time counts from the window to its place on the map. Describe "
    "follows the caption settings."
)
COLUMNS = {
    "encoder": "Encoder",
    "mode": "Mode",
    "match": "Top match",
    "cosine": "Cosine",
    "time": "Time",
    "caption": "Caption",
}
CHANCE = {True: "above chance", False: "no better than chance"}
CHANCE_MARKS = {True: "▲", False: "▽"}
ADOPT = "Show {encoder} {mode} on the page"
DESCRIBE = "Describe"
DESCRIBE_ROW = "Describe what {encoder} {mode} hears"
STOP_ROW = "Stop describing what {encoder} {mode} hears"
ROW_WAITING = "Waiting…"

MEASURED = "What was measured"
FOUND = "right category first"
NAMED = "{protocol} LLaVA names what sounds"
MEASURED_TABLE = "Shares of every encoder, raw and projected, with 95 % intervals"
MEASURED_ON = (
    "Measured by this project on {recordings} recordings that nothing was trained on, in the bundled gallery of "
    "{gallery} clips. These are not the paper's figures: models, data and gallery differ."
)

MAP_NOTE = "Each dot is a clip, coloured by category; the star is your sound. Hover to look, click to hear."
MAP_LIST = "All clips as a list"
OFF_MAP = "off the map: no clip is near this token"
STILL = {
    "photo": "slow camera move over a still photo",
    "drawing": "slow camera move over a drawing",
    "video": "still picture",
}
HEAR = "Hear clip {rank}: {category}"
CLIP_SOUND = "Sound of a {category} clip"

BANNER_LOADING = "Please note:"
BROKEN = "Something went wrong on our side."
BROKEN_HINT = "Please try again; the sound itself may be fine."
UNAVAILABLE = "Encoders not available here"

STAGES = {
    "decode": "decode",
    "encode": "encode",
    "project": "project",
    "search": "search",
    "place": "place",
    "caption_first_token": "first word",
    "caption": "caption",
    "answer_first_token": "first word",
    "answer": "answer",
}


def side(setting: Setting) -> tuple[str, str]:
    """A column's title, and how its token is made."""
    numbers = {"t": setting.t, "raw": 1 - setting.projected_share, "projected": setting.projected_share}
    title, how = SIDES[setting.mode]
    return title.format(**numbers), how.format(**numbers)


def listening(encoder: str) -> str:
    return LISTENING.format(encoder=encoder)


def heard_once(times: dict[str, float]) -> str:
    return HEARD_ONCE.format(times=stage_times(times))


def clip_sound(category: str) -> str:
    return CLIP_SOUND.format(category=category)


def marks(category: str) -> str:
    """What marked words mean, as HTML around an escaped category."""
    return MARKS.format(category=category)


def written_by(suite: str, setting: Setting) -> str:
    """Which model writes the captions, and from what."""
    seen = SEEN_SOUND
    if setting.k:
        seen = SEEN_PATCHES.format(k=setting.k, source=SEEN_OWN_PICTURE if setting.picture else SEEN_MATCH_FRAME)
    return WRITTEN_BY[suite].format(protocol=setting.protocol, seen=seen) if suite in WRITTEN_BY else ""


def changes(what: str, signs: list[int]) -> str:
    """What projecting does to a measure, over the encoders: 1 raised, -1 lowered, 0 where intervals overlap."""
    kinds = {"raises it": 1, "lowers it": -1, "changes it within the noise": 0}
    parts = [f"{verb} for {count}" for verb, sign in kinds.items() if (count := signs.count(sign))]
    listed = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
    return f"{what[0].upper()}{what[1:]}: projecting {listed} of {len(signs)} encoders."


def map_title(space: str) -> str:
    """`space` is the gallery's, for instance "compact CLIP space (EfficientNet-Lite0)"; what is in brackets goes."""
    return f"Map of the gallery in {space.partition(' (')[0]}"


def heard(event: Heard) -> str:
    """Which part of the sound was used."""
    start, end = event.window
    if event.chosen == "whole":
        sentence = f"Heard all {event.seconds:.1f} s of it"
    else:
        part = "the loudest part" if event.chosen == "loudest" else "the part you chose"
        sentence = f"Heard {start:.1f}–{end:.1f} s of {event.seconds:.1f} s, {part}"
    if event.truncated:
        sentence += f". The file is longer: only its first {event.seconds:.0f} s were read"
    return sentence + "."


def verdict(matches: Matches) -> str:
    """Whether the best match means anything."""
    return f"{CHANCE_MARKS[matches.above_chance]} {CHANCE[matches.above_chance]}"


def verdict_detail(matches: Matches) -> str:
    found = f"Best of {matches.gallery_size} clips: {matches.hits[0].deviations:.1f} deviations above the mean"
    return f"{found}; chance ends at {matches.chance:.1f}."


def right(matches: Matches, truth: Truth | None) -> str:
    """Where the right clip, or the first of the right category, was found."""
    if truth is None or matches.right is None:
        return ""
    which = "right clip" if truth.clip else f"first {truth.category} clip"
    return f"{which} at rank {matches.right} of {matches.gallery_size}"


def stage_times(ms: dict[str, float]) -> str:
    """`encode 48 ms · search 1 ms`, in the order the stages ran."""
    return " · ".join(f"{STAGES.get(stage, stage)} {duration(value)}" for stage, value in ms.items())


def duration(ms: float) -> str:
    """Short and readable: `0.4 ms`, `48 ms`, `5.2 s`."""
    if ms >= 1000:
        return f"{ms / 1000:.1f} s"
    return f"{ms:.0f} ms" if ms >= 1 else f"{ms:.1f} ms"


def compare_ready(name: str) -> str:
    return f"{name}: let every encoder hear it, raw and projected."


def compared(state: str, name: str, heard_by: int, encoders: int) -> str:
    """How far the comparison of the sound `name` is, or where it ended."""
    sentence = f"{name}: heard by {heard_by} of {encoders} encoders"
    return {"running": f"{sentence} so far…", "stopped": f"{sentence}, then stopped."}.get(state, f"{sentence}.")


def chance_note(hit: Hit, chance: float) -> str:
    return f"{hit.deviations:.1f} deviations above the gallery's mean; chance ends at {chance:.1f}"


def row_times(encode_ms: float, ms: float) -> tuple[str, str]:
    """The whole path, and the encoder's part of it."""
    return duration(ms), f"encode {duration(encode_ms)}"


def looked_at(category: str) -> str:
    """Which picture the heat maps lie on; no category: the visitor's own."""
    return LOOK_AT["clip"].format(category=category) if category else LOOK_AT["picture"]


def asked_of(encoder: str, setting: Setting) -> str:
    """Whose token was asked."""
    return f"{encoder}, {side(setting)[0].lower()}"
