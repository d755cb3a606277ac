// On a phone the pictures are below what was pressed: whoever asks for some is taken to where they will be.
document.addEventListener("click", (event) => {
  const asks = event.target.closest("#s2i-paint, #s2i-say, [data-example]");
  const pictures = document.getElementById("s2i-pictures");
  if (!asks || asks.disabled || !pictures || pictures.getBoundingClientRect().top < 0.6 * innerHeight) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  pictures.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
});
