// Browsers call a webm or an mp4 a video, whatever is in it, and some names they do not know at all; gradio would take
// none of these. Here they are recordings until the server has listened to them: it says what is wrong in a sentence.
(() => {
  const INPUT = "#s2i-recorder input[type=file]";
  const asRecordings = (files) => {
    const all = new DataTransfer();
    for (const file of files) {
      all.items.add(file.type.startsWith("audio/") ? file : new File([file], file.name, { type: "audio/unknown" }));
    }
    return all.files;
  };
  const fits = (files) => [...files].every((file) => file.type.startsWith("audio/"));
  const early = { capture: true }; // before gradio looks
  document.addEventListener(
    "click",
    () => {
      for (const input of document.querySelectorAll(INPUT)) {
        if (!input.accept.includes(".webm")) input.accept += ",.webm,.mp4,.3gp,.opus,.amr";
      }
    },
    early
  );
  document.addEventListener(
    "change",
    (event) => {
      if (event.target.matches(INPUT) && !fits(event.target.files)) event.target.files = asRecordings(event.target.files);
    },
    early
  );
  document.addEventListener(
    "drop",
    (event) => {
      const input = event.target.closest("#s2i-recorder") && document.querySelector(INPUT);
      const files = event.dataTransfer?.files ?? [];
      if (!input || !files.length || fits(files)) return;
      event.preventDefault();
      event.stopPropagation();
      event.target.dispatchEvent(new DragEvent("dragleave", { bubbles: true }));
      input.files = asRecordings(files);
      input.dispatchEvent(new Event("change", { bubbles: true }));
    },
    early
  );
})();
