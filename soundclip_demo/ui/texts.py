"""Every sentence a visitor reads that does not come from the engine."""

from ..alignment import HIGHEST, Alignment
from ..events import Heard, Hit, Matches, Setting, Truth, WordsFound

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
NO_MICROPHONE = {  # by the name of the browser's error
    "NotAllowedError": "The browser may not use the microphone. Allow it beside the address, then press Record again, "
    "or upload a file.",
    "NotFoundError": "No microphone was found. Plug one in, then press Record again, or upload a file.",
    "NotReadableError": "Another program holds the microphone. Close it, then press Record again, or upload a file.",
    "insecure": "Browsers give the microphone only to pages of https or of this computer. Upload a file instead.",
    "other": "The microphone could not be opened. Press Record again, or upload a file.",
}
EXAMPLES = "Or try one of these"
NO_SOUND = "No sound yet."
FORGOTTEN = ("So many others came meanwhile that your sound is no longer here.", "Please give it again.")
CANNOT_PLAY = "Your browser cannot play this format. The demo could read it."
WINDOW = "Start of the window in seconds"
PLAY = "Play the sound"

ENCODER = "Audio encoder"
NO_ENCODER = "No audio encoder is ready yet."
LISTENING = "{encoder} is listening…"
HEARD_ONCE = "Heard once for both columns: {times}"
HEARD_BEFORE = "Heard before: both columns come from an embedding that was kept."
KEPT_MS = 0.5  # no encoder is that quick
MODES = {
    "projected": "projected",
    "raw": "raw",
    "blend": "blend",
}
SHARE = "Right column: raw (0) to projected (1)"
NO_SHARE = "The blend must lie between 0 (raw) and 1 (projected)."
SIDES = {
    "raw": ("Raw", "The encoder's own numbers, zeros added at the end."),
    "projected": ("Projected", "Moved into picture space by a trained projector."),
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
CAPTION_WAITING = "Waiting for the caption model"
CAPTION_READING = "Reading the sound token…"
CAPTION_STOPPED = "Stopped."
CAPTION_NOTHING = "The model wrote nothing for this token."
WRITTEN_BY = {
    "compact": "Written by a small language model (135 M parameters), {protocol}, from {seen}. It is often wrong.",
    "paper": "Written by LLaVA-1.6-Mistral-7B, {protocol}, from {seen}. It can be wrong.",
}
NAMES = {True: "names what sounds", False: "misses what sounds"}
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
ASK_STOPPED = "Stopped."
ASK_NOTHING = "The model answered nothing."
ASK_NOTE = {
    "compact": "The LLaVA of the captions answers: a language model of 135 M parameters, often wrong. Measured on 20 "
    "sounds: the tuned one mostly repeats its caption, whatever is asked; of the frozen one's answers 22 % name what "
    "sounds, by chance 0.3 %.",
    "paper": "The LLaVA of the captions answers: LLaVA-1.6-Mistral-7B, sometimes wrong.",
}

COMPARE = "Compare"
COMPARE_RUN = "Compare all encoders"
COMPARE_STOP = "Stop comparing"
COMPARE_NO_SOUND = "Give a sound first; then every encoder can hear it."
COMPARE_TABLE = "What every audio encoder finds, raw and projected"
COMPARE_NOTE = (
    "A raw token was never trained to lie near pictures: chance is what to expect of it. Both modes share one "
    "embedding, made anew for this table; WhisperCLIP fuses the layers of Whisper's own pass, and both state its time. "
    "Time counts from the window to its place on the map. Describe follows the caption settings."
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
ROW_WAITING = "Waiting"

MEASURED = "What was measured"
FOUND_BY = {
    "top1": "right category first (R@1)",
    "top5": "right category in the top 5 (R@5)",
    "mrr": "mean reciprocal rank (MRR)",
}
TOLD_BY = {
    "caption": "caption names what sounds",
    "b3": "sources named (B3)",
    "b1": "caption near the sound (B1)",
    "b2": "caption near the picture (B2)",
    "bleu": "BLEU",
    "rouge_l": "ROUGE-L",
    "bertscore": "BERTScore",
    "judge": "marks of the judge",
}
CHOOSE_FOUND = "Retrieval"
CHOOSE_TOLD = "Captions"
CHOOSE_PROTOCOL = "LLaVA"
BOTH_PROTOCOLS = "both"
TRADEOFF_KEY = {
    "raw": "raw",
    "projected": "projected",
    "blend": "blends between",
    "hollow": "hollow: tuned LLaVA",
    "frontier": "frontier: no other setting beats these at both",
    "current": "your setting",
    "native": "native: found in the encoder's own space, no caption",
}
MEASURED_MORE = "What else it shows, and beside the paper"
MEASURED_TABLE = "All numbers as a table"
MEASURED_ALL = "All {n} recordings"
MEASURED_SWEEP = "The recordings in the picture: found on {found}, captions of {told}"
MEASURED_SETTING = "Setting"
PICTURE_NOTE = "Crosses are 95 % intervals; the frontier goes by the means alone."
MEASURED_SWEPT = "The picture's captions are of {told} of these recordings, the same ones for every point."
NO_CAPTIONS = "No captions of a frozen or tuned LLaVA have been measured yet, so there is no picture of the trade-off."
# What the script writes; what is in braces it fills in.
READING = {
    "blend": "blend {t}",
    "native": "native",
    "protocol": "{protocol} LLaVA",
    "value": "{what}: {mean} ({low} to {high}), n = {n}",
    "bare": "{what}: {mean}",
    "found": " among {gallery} clips",
    "all": "of all recordings {mean} ({low} to {high}), n = {n}",
    "current": "Your setting",
    "interpolated": "interpolated between blends {before} and {after}; nothing was measured here",
    "nothing": "Point at a setting to read its numbers, click to go there; or Tab, the arrow keys and Enter.",
    "go": "go to this setting",
    "picture": "{y} against {x}",
}

PAPER_BY = {
    "R@1": "right clip first (R@1)",
    "B1": "caption near the sound (B1)",
    "B2": "caption near the picture (B2)",
    "B3": "sources named (B3)",
}
PAPER_CAPTIONS = "{metric} (frozen LLaVA)"
PAPER = "Published figures (paper)"
PAPER_SHOW = "Show the published figures (paper)"
PAPER_NOTE = (
    "As their authors published them in October 2026: frozen LLaVA-1.6-Mistral-7B, R@1 among {gallery} AVE-2 clips, "
    "captions with 150 patches of the frame. Nothing here was measured by this project; no intervals are published. "
    "Other models, other data, another gallery: only the direction of change can be compared with the picture above."
)
PAPER_TABLE = "Published figures, raw to projected"
PAPER_REMARK = "{encoders}, {metric}: {remark}."
WITHDRAWN = "The authors have since withdrawn:"

CARD_ABOUT = "About this clip"
MAP_WORDS = {
    "note": "Each dot is a clip; clips that lie together share a colour. Stars are your sound.",
    "hint": "Hover to look, click to hear.",
    "keys": "Map. Arrow keys move it, plus and minus zoom, 0 shows all of it. The clips are also a list below.",
    "tools": "Map tools",
    "in": "Zoom in",
    "out": "Zoom out",
    "all": "Show the whole map",
    "full": "The map on the full screen",
    "svg": "Save the map as SVG",
    "png": "Save the map as PNG",
    "filter": "Category",
    "filter_hint": "category",
    "words": "Words",
    "words_hint": "e.g. barking puppy",
    "find": "Find",
    "clear_words": "Clear",
    "player": "Clip",
    "about": CARD_ABOUT,
    "close": "Close",
    "list": "All clips as a list",
}
MAP_MANY = {
    "note": "Each dot is a clip; of this many only some are shown, and shades say where all of them lie. Clips that "
    "lie together share a colour. Stars are your sound.",
    "hint": "Only some are drawn: zoom in to see more.",
}
# With {...}: filled in the browser.
MAP_SAID = {
    "sides": {"raw": "raw", "projected": "projected", "blend": "blend {t}"},
    "off": "off the map",
    "off_long": "no clip is near this token",
    "matched": "matches",
    "trail": "{count} earlier",
    "trail_clear": "Clear the trail of earlier settings: {settings}",
    "filtered": "{clips} of {all} clips, in: {names}.",
    "no_category": "No category of that name.",
    "searching": "Searching…",
    "words_off": "These words are off the map: no clip is near them.",
    "broken": "The search did not answer. Please try again.",
    "more": "and {count} more.",
    "no_script": "The map could not be drawn. Its clips are there as a list below.",
}
WORDS_MEET = {
    "pictures": "Words meet still pictures in the space of {encoder}. It knows the names of what this gallery shows; "
    "other words often miss.",
    "sounds": "Words meet sounds in the space of {encoder}. They often miss.",
}
STILL = {
    "photo": "slow camera move over a still photo",
    "drawing": "slow camera move over a drawing",
    "video": "still picture",
}
HEAR = "Hear clip {rank}: {category}"
CLIP_SOUND = "Sound of a {category} clip"

CARD_CLOSE = "Close"
CARD_QUERY = "Use this clip's sound"
CARD_FAILED = "This clip could not be shown. Please try again."
ALIGNMENT = "How sound and picture fit"
ALIGNMENT_NONE = "Nobody has scored this clip."
DIMENSIONS = {
    "temporal_alignment": "Temporal alignment",
    "spatial_coherence": "Spatial coherence",
    "contextual_relevance": "Contextual relevance",
    "physical_causality": "Physical causality",
    "sound_source_visibility": "Sound source visibility",
}
NOT_MEASURED = "not measured"
ALIGNMENT_BY = {
    "compact": "Measured, not judged: distances in compact CLIP space. Clips put together at random get 5 on average. "
    "The models were trained on the bundled clips' pictures, though not on their sounds, which flatters these scores.",
    "paper": "The opinion of a language model that read what two other models wrote of picture and sound.",
}
ANNOTATED = {
    "video": "Picture described by {model}",
    "sound": "sound described by {model}",
    "scorer": "scores by {model}",
}
SOURCES_TITLE = "Sources that were named"
SOURCES = {"seen-heard": "Seen and heard", "heard-only": "Heard, not seen", "seen-only": "Seen, not heard"}
SAID_SEEN = "Seen"
SAID_HEARD = "Heard"

KEEP = "Keep these results:"
KEEP_KINDS = {"json": "JSON", "csv": "CSV", "html": "Report"}
KEEP_PLOT = "Trade-off:"
KEEP_SOUND = "with the sound in the report"
KEEP_MAKING = "Making it…"
KEEP_NOTHING = "There is nothing to keep yet: give a sound first."
KEPT = "Saved as {name}."

TALK_MODE = "Talk mode"
TALK = {
    "title": TITLE,
    "no_order": "No running order. Start the demo with --talk my-talk.toml to bring notes.",
    "next": "Next:",
    "preparing": "{done} of {wanted} captions of the running order are written",
    "help": "Keys",
    "keys": [
        (["←", "→"], "step back or on: running order, else the examples"),
        (["1", "…", "6"], "audio encoder"),
        (["m"], "right column: projected, half, raw"),
        (["space"], "play the sound, or pause"),
        (["c"], "compare all encoders, and back"),
        (["l"], "what the model looks at, and back; + and − change the patches"),
        (["n"], "notes in the corner"),
        (["shift", "n"], "notes in a second window"),
        (["f"], "full screen"),
        (["?"], "these keys"),
        (["esc"], "close, then leave"),
    ],
}
REHEARSED = "written when the demo was started"

COPY_LINK = "Copy link"
COPIED = "Copied."
COPY_BY_HAND = "The browser does not let this page copy. Here is the address:"
ADDRESS = "Address of what you see"
LINK_WITHOUT_SOUND = "It holds the setting; your own sound stays with you."
LINK_NAMES = {"encoder": "this encoder", "t": "this blend", "k": "this number of patches", "sound": "this sound"}
LINK_TITLE = "This address"
LINK_UNKNOWN = "The address asks for what is not here ({what}): the usual is shown instead."

BANNER_LOADING = "Please note:"
LINE_FULL = "Too many captions are waited for just now."
NO_ADDRESSES = "Addresses are not fetched here: please upload the file itself."
BROKEN_DATA = "This data: address is broken. Please write the file in base64, or upload it."
BROKEN = "Something went wrong on our side."
BROKEN_HINT = "Please try again; the sound itself may be fine."
NO_MEMORY = "The demo ran out of memory."
NO_MEMORY_HINT = "Please try again in a moment; a shorter sound needs less."
DISK_FULL = "The demo's disk is full just now."
DISK_FULL_HINT = "Please try again later, or take an example or a clip, which need no room."
MANY_FILES = "Many files are coming in just now. Please try again in a minute."
SLOW_FILE = "This file took too long to come in. Please try again, or with a smaller one."
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
    return HEARD_ONCE.format(times=stage_times(times)) if times["encode"] > KEPT_MS else HEARD_BEFORE


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


def alignment_total(alignment: Alignment) -> str:
    """Sum and mean, which are the two ways such scores are quoted; of fewer than five where some are not known."""
    found = f"Sum {alignment.sum} of {alignment.most}, mean {alignment.mean:.1f} of {HIGHEST}"
    known, all_of = len(alignment.scores), len(DIMENSIONS)
    return f"{found}." if known == all_of else f"{found}, over the {known} of {all_of} that were measured."


def measured_on(recordings: int, gallery: int) -> str:
    """A number that is 0 is not known."""
    some = f"{recordings} recordings" if recordings else "recordings"
    where = f", in a gallery of {gallery} clips" if gallery else ""
    return (
        f"Measured by this project on {some} that nothing was trained on{where}. These are not the paper's figures: "
        "models, data and gallery differ."
    )


def changes(what: str, signs: list[int]) -> str:
    """What projecting does to a measure, over the encoders: 1 raised, -1 lowered, 0 within the noise."""
    kinds = {"raises it": 1, "lowers it": -1, "changes it within the noise": 0}
    counted = {f"{verb} for": signs.count(sign) for verb, sign in kinds.items()}
    return f"{what[0].upper()}{what[1:]}: projecting {listed(counted)} of {encoders(len(signs))}."


def outcomes(said: dict[str, list[str]]) -> str:
    """Each outcome with the LLaVAs it holds for."""
    who = {outcome: joined([f"the {protocol}" for protocol in protocols]) for outcome, protocols in said.items()}
    return " ".join(f"With {named} LLaVA, {outcome}." for outcome, named in who.items())


def outcome(pairs: list[tuple[int, int]]) -> str:
    """What projecting does to finding and to captions at once, over the encoders; signs as in `changes`."""
    finds = {1: "finds more", -1: "finds less", 0: "finds the same within the noise"}
    describes = {1: "describes better", -1: "describes worse", 0: "describes the same within the noise"}
    common = sorted(dict.fromkeys(pairs), key=pairs.count, reverse=True)
    counted = {f"{finds[found]} and {describes[told]} for": pairs.count((found, told)) for found, told in common}
    return f"projecting {listed(counted)} of {encoders(len(pairs))}"


def frontier(protocol: str, settings: list[str], of: int, names: list[str]) -> str:
    """
    Args:
        settings: those that no other beats, from the one that describes best to the one that finds most, each with
            its two figures.
        names: of their encoders.
    """
    if len(settings) == 1:
        return f"Frontier, {protocol} LLaVA: of {of} settings one is best at both, {settings[0]}."
    return (
        f"Frontier, {protocol} LLaVA: {len(settings)} of {of} settings, of {joined(names)}, "
        f"from {settings[0]} to {settings[-1]}."
    )


def frontier_end(encoder: str, setting: str, found: str, told: str) -> str:
    return f"{encoder} {setting} (finds {found}, describes {told})"


def paper_signs(metric: str, pairs: list[tuple[int, int]]) -> str:
    """What projecting does to a published metric, of plain numbers, and beside it what it does here: theirs, ours."""
    kinds = {"raises it": 1, "lowers it": -1, "leaves it the same": 0}
    counted = {f"{verb} for": sum(theirs == sign for theirs, _ in pairs) for verb, sign in kinds.items()}
    return (
        f"The paper, {metric}: projecting {listed(counted)} of {encoders(len(pairs))}. "
        f"Here the direction is {agreement(pairs)} of them."
    )


def paper_drop(metric: str, drop: float, ours: list[int]) -> str:
    """Where nothing more is published than by how much projecting lowers it."""
    return (
        f"The paper's first version, {metric}: projecting lowers it by {drop:g}, over which encoders "
        f"is not said. Here the direction is {agreement([(-1, sign) for sign in ours])} of {encoders(len(ours))}."
    )


def agreement(pairs: list[tuple[int, int]]) -> str:
    """Of theirs and ours, encoder by encoder."""
    same, opposite = sum(a == b for a, b in pairs), sum(a == -b != 0 for a, b in pairs)
    undecided = len(pairs) - same - opposite
    return listed({"the same for": same, "the opposite for": opposite, "undecided for": undecided})


def listed(counts: dict[str, int]) -> str:
    """`raises it for 1, lowers it for 2 and ...`, without what never happens."""
    parts = [f"{what} {count}" for what, count in counts.items() if count]
    return joined(parts)


def joined(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def encoders(count: int) -> str:
    return f"{count} encoder{'' if count == 1 else 's'}"


def map_title(space: str) -> str:
    """`space` is the gallery's, for instance "compact CLIP space (EfficientNet-Lite0)"; what is in brackets goes."""
    return f"Gallery in {space.partition(' (')[0]}"


def words_found(event: WordsFound) -> str:
    """Which model's space typed words were searched in, and what that is worth."""
    return WORDS_MEET[event.meets].format(encoder=event.encoder)


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


def link_unknown(names: list[str]) -> str:
    """`names` as in an address, of what it asks for in vain."""
    return LINK_UNKNOWN.format(what=", ".join(LINK_NAMES[name] for name in names))


def kept(name: str) -> str:
    return KEPT.format(name=name)


def no_patches(most: int) -> str:
    return f"Between 1 and {most} patches can be seen beside the sound."


def waiting(kind: str, number: int = 0, seconds: int | None = None) -> str:
    """
    Args:
        kind: what is waited for.
        number: in line; 0 before that is known.
        seconds: until it is written; None where that is not known.
    """
    if not number:
        return f"{kind}…"
    return f"{kind}: number {number} in line{f', about {seconds} s' if seconds else ''}."


def too_large(most: int) -> str:
    """`most` in bytes."""
    return f"More than {most >> 20} MB at once are not taken. Please give a smaller file, or one at a time."


def line_full(seconds: int | None) -> str:
    """The way out, after how many seconds."""
    when = f"in about {seconds} s" if seconds else "in a minute"
    return f"Please try again {when}; matches and map do not wait."


def looked_at(category: str) -> str:
    """Which picture the heat maps lie on; no category: the visitor's own."""
    return LOOK_AT["clip"].format(category=category) if category else LOOK_AT["picture"]


def asked_of(encoder: str, setting: Setting) -> str:
    """Whose token was asked."""
    return f"{encoder}, {side(setting)[0].lower()}"
