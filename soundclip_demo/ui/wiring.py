"""Which event of the page calls which handler."""

from typing import Any

import gradio as gr

from .. import sandbox
from ..config import DEFAULT_PROMPT
from ..talk import Talk
from .asking import Asking
from .choosing import Choosing
from .comparing import Comparing
from .describing import Describing
from .finding import Finding
from .handlers import TICK, Page
from .keep import Keeping
from .looking import Looking
from .sharing import Sharing
from .talk import Presenting
from .turns import SIDES

QUICK = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# A changed gr.State starts its listeners only when the event that changed it went through the queue.
CHANGES_STATE = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
HEAVY = {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "always_last"}
CAPTIONS = {"concurrency_limit": None, **HEAVY}  # they wait in `page.line`
# Sounds are decoded, and may be large: not more at once than can be read at once.
DECODES = CHANGES_STATE | {"concurrency_id": "decode", "concurrency_limit": sandbox.MOST}


def wire(blocks: gr.Blocks, page: Page, parts: dict[str, Any], talk: Talk) -> None:
    """`parts` are the components by the names that layout.py gives them."""
    sound, setting, captions = parts["sound"], parts["setting"], parts["captions"]
    describing = Describing(page)
    tickets = [gr.State(None) for _ in SIDES]
    choosing = Choosing(page)
    listen_choice(choosing, sound, parts["card"], parts["problem"])
    moved = gr.State(None)
    listen_compare(Comparing(page, describing), moved, sound["chosen"], setting, captions, parts["table"])
    if "measured" in parts:
        listen_measured(blocks, page, moved, setting, captions["protocol"], parts["measured"])
    listen_setting(Finding(page), parts, moved, tickets)
    looking = Looking(page)
    listen_captions(describing, looking, tickets, parts["sides"], captions)
    listen_look(looking, tickets, captions, parts["problem"])
    listen_questions(Asking(page, describing), sound["chosen"], tickets, captions, parts["ask"])
    listen_sharing(Sharing(page, choosing), parts, moved)
    listen_talk(Presenting(page, choosing, talk), parts, moved)
    keep = parts["keep"]["files"]
    keep.save(Keeping(page).save, [sound["chosen"], *tickets], keep, **QUICK)
    listen_state(blocks, page, parts["loading"], setting["encoder"])


def listen_choice(choosing: Choosing, sound: dict[str, Any], card: gr.HTML, problem: gr.HTML) -> None:
    """Each way of giving a sound ends in `chosen`."""
    chosen, given = sound["chosen"], [sound["chosen"], problem]
    picked = sound["upload"].upload(choosing.file, sound["upload"], given, **DECODES)
    picked.then(lambda: None, None, sound["upload"], **QUICK)  # ready for the next file
    sound["microphone"].input(choosing.recording, sound["microphone"], given, **DECODES)
    sound["chips"].select(choosing.example, None, given, **DECODES)
    card.query(choosing.clip, None, given, **DECODES)
    sound["wave"].release(choosing.window, chosen, chosen, **CHANGES_STATE)


def listen_setting(finding: Finding, parts: dict[str, Any], moved: gr.State, tickets: list[gr.State]) -> None:
    """Every new sound, window or setting ends in one `find`; while one runs, only the last change waits.

    `moved` changes when something else than the visitor's hand has moved encoder and slider.
    """
    sound, setting, sides = parts["sound"], parts["setting"], parts["sides"]
    columns, words = ([sides[side][name] for side in SIDES] for name in ("found", "words"))
    gr.on(
        [sound["chosen"].change, moved.change, setting["encoder"].input, setting["share"].input],
        finding.find,
        [sound["chosen"], setting["encoder"], setting["share"], *tickets],
        [sound["wave"], setting["status"], *columns, parts["atlas"], parts["problem"], *tickets, *words],
        concurrency_id="find",
        concurrency_limit=2,
        **HEAVY,
    )


def listen_captions(
    describing: Describing, looking: Looking, tickets: list[gr.State], sides: dict[str, Any], captions: dict[str, Any]
) -> None:
    """A new ticket starts a column's caption; asking again or changing what the model sees makes new tickets."""
    words = [sides[side]["words"] for side in SIDES]
    for ticket, place in zip(tickets, words, strict=True):
        given = [ticket, *caption_choices(captions)]
        ticket.change(describing.describe, given, [place, captions["told"]], **CAPTIONS)
    kept = captions["look"].keep(looking.keep, captions["sees"], [captions["sees"], captions["k"]], **CHANGES_STATE)
    reset = captions["reset"].click(lambda: DEFAULT_PROMPT, None, captions["prompt"], **QUICK)
    for changed in (reset, kept):
        changed.then(describing.renew, tickets, [*tickets, *words], **CHANGES_STATE)
    asked = [
        captions["again"].click,
        captions["prompt"].submit,
        captions["protocol"].change,  # a point of the trade-off brings its protocol along
        captions["sees"].input,
        captions["own"].upload,
    ]
    gr.on(asked, describing.renew, tickets, [*tickets, *words], **CHANGES_STATE)
    captions["stop"].click(describing.stop, words, words, **QUICK)


def listen_measured(
    blocks: gr.Blocks, page: Page, moved: gr.State, setting: dict[str, Any], protocol: gr.Radio, measured: gr.HTML
) -> None:
    """The trade-off marks the current setting, and a click on a point of it goes to that point's."""
    shown = [setting["encoder"], setting["share"], protocol]
    mark = "(encoder, share, protocol) => ({ encoder, share, protocol })"
    gr.on([blocks.load, *(part.change for part in shown)], None, shown, measured, js=mark, api_visibility="private")
    measured.go(page.go, None, [*shown, moved], **CHANGES_STATE)


def listen_sharing(sharing: Sharing, parts: dict[str, Any], moved: gr.State) -> None:
    """The address follows what is seen, and what is seen follows an address that was opened."""
    chosen, link = parts["sound"]["chosen"], parts["keep"]["link"]
    setting, captions = parts["setting"], parts["captions"]
    choices = [setting["encoder"], setting["share"], captions["sees"], captions["k"], captions["protocol"]]
    changes = [component.change for component in (chosen, *choices)]
    gr.on(changes, sharing.now, [chosen, *choices], link, **QUICK, trigger_mode="always_last")
    link.open(sharing.open, None, [*choices, chosen, parts["problem"], moved], **CHANGES_STATE)


def listen_talk(presenting: Presenting, parts: dict[str, Any], moved: gr.State) -> None:
    """Keys of talk mode go where a hand would go."""
    setting = [parts["setting"]["encoder"], parts["setting"]["share"]]
    outputs = [*setting, parts["sound"]["chosen"], parts["problem"], moved]
    one_by_one = CHANGES_STATE | {"concurrency_id": "go", "concurrency_limit": 1, "trigger_mode": "multiple"}
    parts["keep"]["talk"].go(presenting.go, None, outputs, **one_by_one)


def listen_look(looking: Looking, tickets: list[gr.State], captions: dict[str, Any], problem: gr.HTML) -> None:
    """The heat maps follow both tokens and what the caption model sees; their slider says how much it sees."""
    sees, k, own, look = (captions[name] for name in ("sees", "k", "own", "look"))
    changes = [*(ticket.change for ticket in tickets), sees.change, k.change, own.upload]
    gr.on(changes, looking.look, [*tickets, sees, k, own], [look, problem], concurrency_limit=2, **HEAVY)


def listen_questions(
    asking: Asking, chosen: gr.State, tickets: list[gr.State], captions: dict[str, Any], row: dict[str, Any]
) -> None:
    """A question waits behind the captions of its tokens; another sound ends it and empties the log."""
    question, items, answers, field = gr.State(None), gr.State(None), row["answers"], row["question"]
    given = [field, row["which"], items, *tickets, *caption_choices(captions)]
    gr.on([row["ask"].click, field.submit], asking.open, given, [question, items, answers, field], **CHANGES_STATE)
    question.change(asking.answer, question, answers, **CAPTIONS)
    row["stop"].click(asking.stop, items, answers, **QUICK)
    chosen.change(asking.reset, items, [items, answers], **QUICK)


def listen_compare(
    comparing: Comparing,
    moved: gr.State,
    chosen: gr.State,
    setting: dict[str, Any],
    captions: dict[str, Any],
    table: gr.HTML,
) -> None:
    """The comparison, its rows' captions, and a row's setting for the page."""
    comparison, asked = gr.State(None), gr.State(None)
    chosen.change(comparing.reset, [chosen, comparison], [comparison, table], **QUICK)
    table.compare(
        comparing.fill, chosen, [comparison, table], concurrency_id="compare", concurrency_limit=1, **HEAVY
    )
    table.halt(comparing.halt, comparison, table, **QUICK)
    table.adopt(comparing.adopt, comparison, [setting["encoder"], setting["share"], moved], **CHANGES_STATE)
    table.describe(comparing.ask, comparison, [asked, table], **CHANGES_STATE)
    table.hush(comparing.hush, comparison, table, **QUICK)
    asked.change(comparing.write, [asked, *caption_choices(captions)], table, **CAPTIONS)


def caption_choices(captions: dict[str, Any]) -> list[Any]:
    """What every caption is asked with, in the order in which `Describing.setting` names them."""
    return [captions[name] for name in ("protocol", "sees", "k", "own", "prompt")]


def listen_state(blocks: gr.Blocks, page: Page, loading: gr.HTML, encoder: gr.Radio) -> None:
    """The loading line asks the engine until there is nothing left to say, and again when an encoder is loaded anew."""
    known = gr.State([row.name for row in page.ready_encoders()])
    ticks = gr.State(0)
    timer = gr.Timer(TICK)
    gr.on(
        [blocks.load, timer.tick],
        page.state,
        [encoder, known, ticks],
        [loading, encoder, known, ticks, timer],
        **QUICK,
    )
    encoder.input(page.wake, encoder, [ticks, timer], **QUICK)
    blocks.unload(page.leave)
