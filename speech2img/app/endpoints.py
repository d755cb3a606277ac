"""What programs may ask of the page, by name: ``/models``, ``/voices``, ``/paint``, ``/paint_text``; see README.md."""

from pathlib import Path
from typing import Any, TypeAlias

import gradio as gr

from speech2img.app.settings import MOST_BYTES
from speech2img.app.studio import PaintRequest, Studio, Typed, Upload
from speech2img.app.takes import Take
from speech2img.errors import AudioError, Speech2ImgError
from speech2img.storage.notices import notice
from speech2img.storage.reading import read_bytes

Shown: TypeAlias = tuple[Any, Any, Any, Any]
"""Pictures, what was heard, names of the visit, and its card."""
WORKER: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 1}
"""One piece of work a device, whoever asks."""


def add_endpoints(studio: Studio, recorder: Any) -> None:
    """Declare the endpoints of the page that is being built.

    Parameters
    ----------
    studio : Studio
        What does the work.
    recorder : gradio component
        The recording.
    """

    def models() -> list[dict[str, Any]]:
        """Models that are served, the usual one first: name, image_size, capabilities, weights, steps, guidance."""
        return [answered(studio.models.described, name) for name in studio.models.names]

    def voices() -> dict[str, list[str]]:
        """Speech engines, and voices of each; the first is its usual one."""
        return {engine: answered(studio.speakers.voices, engine) for engine in studio.speakers.engines()}

    def paint(
        recording: str, model: str, pictures: Any, seed: Any, steps: Any = None, guidance: Any = None
    ) -> dict[str, Any]:
        """Paint a recording."""
        return answered(_made, studio, lambda: read_upload(recording), model, pictures, seed, steps, guidance)

    def paint_text(
        text: str,
        engine: str,
        voice: str,
        speed: Any,
        pitch: Any,
        model: str,
        pictures: Any,
        seed: Any,
        steps: Any = None,
        guidance: Any = None,
    ) -> dict[str, Any]:
        """Speak a text and paint what was said."""
        said = Typed(text=text or "", engine=engine, voice=voice, rate=speed, pitch=pitch)
        return answered(_made, studio, lambda: said, model, pictures, seed, steps, guidance)

    # A hidden button is what an endpoint hangs on, with components that leave every check to `Studio.paint`.
    def text(label: str, value: str | None = None) -> Any:
        return gr.Textbox(value, label=label, visible=False)

    engines = studio.speakers.engines()
    voice = studio.speakers.offered(engines[0])[0] if engines else ""
    spoken = [text("Text"), text("Engine", engines[0] if engines else ""), text("Voice", voice), text("Speed", "175")]
    drawing = [text("Model", studio.models.names[0]), text("Pictures", "4"), text("Seed", "0")]
    drawing += [text("Steps"), text("Guidance")]
    answer = gr.JSON(visible=False)
    for function, inputs in ((paint, [recorder, *drawing]), (paint_text, [*spoken, text("Pitch", "50"), *drawing])):
        gr.Button(visible=False).click(function, inputs, [answer], api_name=function.__name__, **WORKER)
    gr.api(models, api_name="models")
    gr.api(voices, api_name="voices")


def read_upload(path: str | None) -> Upload:
    """The file that gradio put into the folder of uploads.

    Raises
    ------
    AudioError
        If there is none.
    """
    if not path:
        raise AudioError.about("the recording", "is missing", "press Record and speak, or upload a file")
    return Upload(name=Path(path).name, data=read_bytes(path, max_bytes=MOST_BYTES))


def answered(function: Any, *given: Any) -> Any:
    """What a function gives; its error as one that a page and a program get as a sentence.

    Raises
    ------
    gradio.Error
        In the place of `Speech2ImgError`.
    """
    try:
        return function(*given)
    except Speech2ImgError as error:
        notice(f"serve: {error}")
        raise gr.Error(str(error), print_exception=False) from error


def _made(studio: Studio, source: Any, model: str, count: Any, seed: Any, steps: Any, guidance: Any) -> dict[str, Any]:
    """Do a request to its end, and say where its files are."""
    steps, guidance = (None if value in (None, "") else value for value in (steps, guidance))
    request = PaintRequest(source=source(), model=model, seed=seed, num_images=count, steps=steps, guidance=guidance)
    try:
        *_, take = studio.paint(request)
    finally:
        studio.decoder.prepare()
    assert isinstance(take, Take)
    place = f"/kept/{take.name}"
    urls = {
        "pictures": [f"{place}/{path.name}" for path in take.pictures],
        "recording": f"{place}/{take.recording.name}",
        **({"attention": [f"{place}/{path.name}" for path in take.sheets]} if take.sheets else {}),
    }
    return {**take.facts, "take": take.name, "urls": urls}
