// Answers of the queue come in one stream, which the server ends when nothing more is to come. What was asked for while
// that end was on its way would wait for ever: then the stream goes on instead.
(() => {
  const plain = window.fetch.bind(window);
  const ofQueue = (request, end) => new URL(request.url ?? request, location.href).pathname.endsWith(`/queue/${end}`);
  const open = new Set(); // what is asked for and not yet answered
  const asked = async (...given) => {
    const mark = {};
    open.add(mark);
    try {
      const answer = await plain(...given);
      const { event_id: id } = await answer.clone().json().catch(() => ({}));
      if (id) open.add(id);
      return answer;
    } finally {
      open.delete(mark);
    }
  };
  async function* lines(first, again) {
    for (let answer = first; answer; ) {
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      answer = null;
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const events = (rest + part.value).split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const said = event.startsWith("data:") ? JSON.parse(event.slice(5)) : {};
          if (said.msg === "process_completed") open.delete(said.event_id);
          if (said.msg === "close_stream" && open.size) answer = again;
          else yield `${event}\n\n`;
        }
      }
      if (answer) answer = await plain(again());
    }
  }
  const told = async (request) => {
    const again = () => request.clone();
    const answer = await plain(again());
    if (!answer.ok || !answer.body) return answer;
    const events = lines(answer, again);
    const body = new ReadableStream({
      async pull(to) {
        const { value, done } = await events.next();
        if (done) to.close();
        else to.enqueue(value);
      },
    });
    return new Response(body.pipeThrough(new TextEncoderStream()), answer);
  };
  window.fetch = (request, options) => {
    if (ofQueue(request, "join")) return asked(request, options);
    if (ofQueue(request, "data")) return told(new Request(request, options));
    return plain(request, options);
  };
})();
