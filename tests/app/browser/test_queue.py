"""The queue: who waits sees the place and the length; what is asked for while its stream ends is answered too."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from helpers.page_steps import SLOW, press, wait_for_pictures

from speech2img.app import studio

pytestmark = pytest.mark.browser

SLOW_END = """
// The end of the first stream waits until the next request was let in, as on a slow network.
let joined = 0, wasSlow = false;
const plain = window.fetch;
window.held = false;
window.fetch = async (...given) => {
  const path = String(given[0].url ?? given[0]);
  const answer = await plain(...given);
  if (path.includes('/queue/join')) joined += 1;
  if (!path.includes('/queue/data') || wasSlow) return answer;
  wasSlow = true;
  const passed = new TransformStream({
    async transform(bytes, to) {
      const text = new TextDecoder().decode(bytes), end = text.indexOf('data: {"msg":"close_stream"');
      if (end < 0) return to.enqueue(bytes);
      if (end > 0) to.enqueue(new TextEncoder().encode(text.slice(0, end)));
      window.held = true;
      while (joined < 2) await new Promise((go) => setTimeout(go, 20));
      await new Promise((go) => setTimeout(go, 500));
      to.enqueue(new TextEncoder().encode(text.slice(end)));
    },
  });
  return new Response(answer.body.pipeThrough(passed), answer);
};
"""


def test_what_is_asked_for_while_the_stream_ends_is_answered(visit: Callable[..., Any]) -> None:
    """Gradio's own script waits for ever: it takes the stream that ends for the one that is to answer."""
    page = visit(script=SLOW_END)
    page.get_by_role("tab", name="Examples").click()
    press(page, "Paint example 1")
    page.wait_for_function("window.held")
    wait_for_pictures(page)
    press(page, "Paint example 2")
    wait_for_pictures(page)
    assert page.locator(".s2i-take").count() == 2


def test_who_waits_sees_the_place_and_the_length(visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those who wait: whose turn has come is not counted."""
    turns, begun = threading.Semaphore(0), threading.Event()
    hear = studio.hear_speech

    def slow(*given: Any) -> Any:
        begun.set()
        turns.acquire(timeout=SLOW / 1000)
        return hear(*given)

    monkeypatch.setattr(studio, "hear_speech", slow)
    first, second, third = pages = [visit() for _ in range(3)]
    try:
        for place, page in enumerate(pages):
            page.get_by_role("tab", name="Examples").click()
            press(page, "Paint example 1")
            if page is first:
                assert begun.wait(SLOW / 1000)
            else:
                page.locator("#s2i-pictures").get_by_text(f"queue: {place}/{place}").wait_for()
        assert "queue" not in first.inner_text("#s2i-pictures")

        # The worker is free: all move up by one.
        turns.release()
        wait_for_pictures(first)
        third.locator("#s2i-pictures").get_by_text("queue: 1/1").wait_for()
        assert "queue" not in second.inner_text("#s2i-pictures")
    finally:
        turns.release(3)
    for page in (second, third):
        wait_for_pictures(page)
