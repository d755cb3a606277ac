"""The page itself: two ways in, pictures, what was heard, and the visit, laid out and wired with gradio."""

import random
import sys
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import gradio as gr
import gradio.queueing
import gradio.route_utils

from speech2img.app import cards
from speech2img.app.endpoints import WORKER, Shown, add_endpoints, answered, read_upload
from speech2img.app.hearing import HeardSpeech
from speech2img.app.models import label
from speech2img.app.settings import MOST_BYTES, MOST_LETTERS, MOST_PICTURES, MOST_TAKES, MOST_WAITING, AppSettings
from speech2img.app.speakers import ADD_ENGINE, PITCHES, SPEEDS
from speech2img.app.studio import Example, PaintRequest, Preview, Studio, Typed
from speech2img.app.takes import Take
from speech2img.errors import Speech2ImgError
from speech2img.gallery.recordings_table import packaged_recordings
from speech2img.storage.notices import notice

STORAGE_KEY = "speech2img-visit"
"""Under which a browser remembers the names of its takes."""
CACHE_SECONDS = (300, 3600)
"""How often uploads are looked through, and how old they become."""
QUICK: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
"""What needs no device waits for nobody."""
_MOST_SHOWN = {"steps": 50, "guidance": 8}
"""Ends of the sliders; programs may ask for more."""
SCRIPTS = ("queue.js", "files.js", "microphone.js", "pictures.js")
"""Ours, before gradio's own."""
HEADER = """\
<header class="s2i-header"><h1>Say it, see it</h1>
<p>A spoken description becomes a picture, with no text in between.</p></header>"""
LIMITS = """\
<p class="s2i-limits">Up to 30 seconds and 10 MB: wav, flac, ogg, opus, mp3, m4a, webm</p>
<div id="s2i-microphone" role="status"></div>"""
_DELEGATE = """\
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-%s]');
  if (button) trigger('click', {chosen: button.dataset.%s});
});"""

_WHEN_RECORDED = "(recording) => ({__type__: 'update', interactive: Boolean(recording)})"


def mount_page(app: Any, studio: Studio, settings: AppSettings) -> None:
    """Put the page into an application: with its own style, no fonts or scripts of elsewhere, nothing sent anywhere."""
    for module in (gradio.queueing, gradio.route_utils):
        vars(module)["traceback"] = _OneLine
    folder = files("speech2img") / "app"
    scripts = [(folder / name).read_text(encoding="utf-8") for name in SCRIPTS]
    sans = ["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Helvetica Neue", "DejaVu Sans", "sans-serif"]
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.zinc,
        font=sans,
        font_mono=["ui-monospace", "SF Mono", "Menlo", "DejaVu Sans Mono", "monospace"],
        radius_size=gr.themes.sizes.radius_lg,
    ).set(
        color_accent="#0f766e",
        block_info_text_color="#5a636b",
        block_info_text_color_dark="#a3acb3",
        button_primary_background_fill="#0f766e",
        button_primary_background_fill_hover="#0b5a54",
        button_primary_background_fill_dark="#0f766e",
        button_primary_background_fill_hover_dark="#15918a",
        button_primary_text_color="#ffffff",
    )
    page = build_page(studio, settings)
    page.has_launched = True  # else gradio, mounted, does not look whether files that a request names were uploaded
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,  # what gradio itself says of an error may name folders of this machine
        max_file_size=MOST_BYTES,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=theme,
        css=(folder / "style.css").read_text(encoding="utf-8"),
        head="".join(f"<script>\n{script}</script>" for script in scripts),
    )


def build_page(studio: Studio, settings: AppSettings) -> gr.Blocks:
    """The page, wired to a studio."""
    handlers = _Handlers(studio, _where(settings))
    with gr.Blocks(title="speech2img", analytics_enabled=False, delete_cache=CACHE_SECONDS) as page:
        visit = gr.BrowserState([], storage_key=STORAGE_KEY, secret=STORAGE_KEY)
        _html(HEADER)
        with gr.Row(elem_classes="s2i-main"):
            # Two ways in, and recordings to try.
            with gr.Column(scale=5, min_width=300):
                with gr.Tabs():
                    with gr.Tab("Speak"):
                        recorder = gr.Audio(
                            sources=["microphone", "upload"],
                            type="filepath",
                            label="Describe a picture aloud",
                            buttons=[],
                            elem_id="s2i-recorder",
                        )
                        _html(LIMITS)
                        spoken = gr.Button(
                            "Paint what was said", variant="primary", interactive=False, elem_id="s2i-paint"
                        )
                    with gr.Tab("Type"):
                        text, typing, typed = _typing(studio)
                    with gr.Tab("Examples"):
                        examples = _html(
                            cards.examples_card(packaged_recordings()), js_on_load=_DELEGATE % ("example", "example")
                        )
                drawing = _drawing(studio, settings)
            # What comes out.
            with gr.Column(scale=6, min_width=300, elem_classes="s2i-out"):
                pictures = _html(cards.welcome_card(), elem_id="s2i-pictures")
                heard = _html(elem_id="s2i-heard")
        gallery = _html(
            cards.visit_card([], where=handlers.where), js_on_load=_DELEGATE % ("delete", "delete"), elem_id="s2i-visit"
        )

        # What happens; a recording is there only when it has wholly arrived.
        recorder.change(None, [recorder], [spoken], js=_WHEN_RECORDED, **QUICK)
        outputs = [pictures, heard, visit, gallery]
        work: dict[str, Any] = {"outputs": outputs, "show_progress_on": pictures, "api_visibility": "private", **WORKER}
        spoken.click(handlers.paint_recording, [recorder, *drawing, visit], **work)
        gr.on([typed.click, text.submit], handlers.paint_typed, [text, *typing, *drawing, visit], **work)
        examples.click(handlers.paint_example, [*drawing, visit], **work)
        gallery.click(handlers.delete, [visit], [visit, gallery], **QUICK)
        page.load(handlers.reload, [visit], [visit, gallery], **QUICK)
        add_endpoints(studio, recorder)
    page.queue(max_size=MOST_WAITING, api_open=False)  # else what waits for the device could be asked past the queue
    return page


def _html(value: str = "", **options: Any) -> gr.HTML:
    """A part of the page that is ours alone: gradio's own style of texts is left out."""
    return gr.HTML(value, apply_default_css=False, elem_classes="s2i", **options)


def _typing(studio: Studio) -> tuple[gr.Textbox, list[Any], gr.Button]:
    """Words, who speaks them and how, and the button; where nothing speaks, what would."""
    engines = studio.speakers.engines()
    limits = f"At most {MOST_LETTERS} letters. They are spoken first, and the model hears the voice."
    text = gr.Textbox(
        label="Describe a picture in words",
        info=limits if engines else f"Nothing speaks here yet. Whoever runs this page adds a voice: {ADD_ENGINE}.",
        interactive=bool(engines),
        placeholder="a small red bird with white wing bars in the snow",
        lines=3,
        max_lines=6,
        submit_btn=False,
        elem_id="s2i-text",
    )
    usual, voices = studio.speakers.offered(engines[0]) if engines else ("", [])
    with gr.Accordion("How it is spoken", open=False, visible=bool(engines)):
        engine = gr.Dropdown(engines, value=engines[0] if engines else None, label="Engine", visible=len(engines) > 1)
        voice = gr.Dropdown(voices, value=usual, label="Voice", allow_custom_value=True)
        rate = gr.Slider(*SPEEDS, value=175, step=5, label="Speed", info="words a minute")
        pitch = gr.Slider(*PITCHES, value=50, step=1, label="Pitch")
    button = gr.Button("Say it and paint", variant="primary", interactive=bool(engines), elem_id="s2i-say")

    def of_engine(name: str) -> Any:
        first, known = answered(studio.speakers.offered, name)
        return gr.update(choices=known, value=first)

    engine.change(of_engine, [engine], [voice], **QUICK)
    return text, [engine, voice, rate, pitch], button


def _drawing(studio: Studio, settings: AppSettings) -> list[Any]:
    """Model, pictures, seed, steps and guidance; the last two are there where the model has them."""
    about = studio.models.described(settings.models[0])
    with gr.Accordion("How it is painted", open=False):
        names = [(label(name), name) for name in settings.models]
        model = gr.Dropdown(names, value=settings.models[0], label="Model", visible=len(names) > 1)
        count = gr.Slider(1, MOST_PICTURES, value=4, step=1, label="Pictures")
        with gr.Row(elem_classes="s2i-seed"):
            seed = gr.Textbox("0", label="Seed", info="Same seed, same pictures.", elem_id="s2i-seed", scale=3)
            other = gr.Button("Another seed", size="sm", scale=1, min_width=120)
        steps = gr.Slider(label="Steps", info="Fewer are quicker.", step=1, **_range(about, "steps"))
        guidance = gr.Slider(
            label="Guidance", info="More holds closer to what was said.", step=0.5, **_range(about, "guidance")
        )

    def of_model(name: str) -> tuple[Any, Any]:
        chosen = answered(studio.models.described, name)
        return gr.update(**_range(chosen, "steps")), gr.update(**_range(chosen, "guidance"))

    model.change(of_model, [model], [steps, guidance], **QUICK)
    other.click(lambda: str(random.randrange(10**6)), None, [seed], **QUICK)
    return [model, count, seed, steps, guidance]


def _range(about: dict[str, Any], name: str) -> dict[str, Any]:
    """Ends and value of a slider, hidden where the model has none."""
    if name not in about:
        return {"minimum": 0, "maximum": 1, "value": None, "visible": False}
    low, high = about[f"{name}_range"]
    return {
        "minimum": low,
        "maximum": min(high, max(_MOST_SHOWN[name], about[name])),
        "value": about[name],
        "visible": True,
    }


def _where(settings: AppSettings) -> str:
    """How long it is kept."""
    if settings.share_dir is not None:
        return "Recordings and pictures are kept on this server; delete what shall not stay."
    return "Kept until this server stops; nothing is sent anywhere."


class _Handlers:
    """What buttons do: a card for each step, a sentence for each error."""

    def __init__(self, studio: Studio, where: str) -> None:
        self._studio, self.where = studio, where

    def paint_recording(self, recording: str | None, *rest: Any) -> Iterator[Shown]:
        """Paint an upload or what the microphone heard."""
        yield from self._paint(lambda: read_upload(recording), *rest)

    def paint_typed(self, text: str, engine: str, voice: str, rate: Any, pitch: Any, *rest: Any) -> Iterator[Shown]:
        """Speak words, and paint what was said."""
        said = Typed(text=text or "", engine=engine, voice=voice, rate=rate, pitch=pitch)
        yield from self._paint(lambda: said, *rest)

    def paint_example(
        self, model: str, count: Any, seed: Any, steps: Any, guidance: Any, names: Any, event: gr.EventData
    ) -> Iterator[Shown]:
        """Paint a recording of the package; gradio finds the event by its place."""
        chosen = str(getattr(event, "chosen", ""))
        yield from self._paint(lambda: Example.named(chosen), model, count, seed, steps, guidance, names)

    def _paint(
        self, source: Any, model: str, count: Any, seed: Any, steps: Any, guidance: Any, names: Any
    ) -> Iterator[Shown]:
        same = gr.skip()
        stages: list[Any] = []
        yield cards.welcome_card(said="Listening"), "", same, same
        try:
            has = self._studio.models.described(model)  # a slider that is hidden has a value too
            request = PaintRequest(
                source=source(),
                model=model,
                seed=seed,
                num_images=count,
                steps=steps if "steps" in has else None,
                guidance=guidance if "guidance" in has else None,
            )
            for event in self._studio.paint(request):
                if isinstance(event, HeardSpeech):
                    yield same, cards.heard_card(event), same, same
                elif isinstance(event, Preview):
                    stages.append(event.images)
                    yield cards.preview_card(event.images, stage=len(stages)), same, same, same
                else:
                    yield self._finished(event, stages, names)
        except Speech2ImgError as error:
            notice(f"serve: {error}")
            yield cards.message_card(str(error)), same, same, same
        except Exception as error:
            notice(f"serve: {type(error).__name__}: {error}")
            yield (
                cards.message_card("Something went wrong here; whoever runs this server finds it in its log"),
                same,
                same,
                same,
            )
        finally:
            self._studio.decoder.prepare()

    def _finished(self, take: Take, stages: Sequence[Any], names: Any) -> Shown:
        has = self._studio.models.described(take.facts["model"])["capabilities"]
        shown = cards.pictures_card(take)
        if "stages" in has and "steps" not in has:
            shown += cards.stages_card(stages)
        shown += cards.attention_card(take)
        kept = [*_names(names), take.name][-MOST_TAKES:]
        return shown, gr.skip(), kept, cards.visit_card(self._studio.takes.found(kept), where=self.where)

    def delete(self, names: Any, event: gr.EventData) -> tuple[list[str], str]:
        """Remove a take of this visit."""
        chosen = str(getattr(event, "chosen", ""))
        known = _names(names)
        if chosen in known:
            self._studio.takes.delete(chosen)
        return self.reload([name for name in known if name != chosen])

    def reload(self, names: Any) -> tuple[list[str], str]:
        """What of a visit is still there."""
        takes = self._studio.takes.found(_names(names))
        return [take.name for take in takes], cards.visit_card(takes, where=self.where)


class _OneLine:
    """In the place of the module ``traceback`` where gradio prints errors: what a visitor sends is one line of log."""

    @staticmethod
    def print_exc() -> None:
        """Write the error that is being handled."""
        kind, error, _ = sys.exc_info()
        notice(f"serve: {'' if kind is None else kind.__name__}: {error}")


def _names(value: Any) -> list[str]:
    """Names that a browser remembers; whatever else it sends is left out."""
    return [str(name) for name in value[-MOST_TAKES:]] if isinstance(value, list) else []
