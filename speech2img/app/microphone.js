// What a browser can say about its microphone before anybody tries: the page shows it below the recorder.
(() => {
  const say = (text) => {
    const place = document.getElementById("s2i-microphone");
    if (place && place.textContent !== text) place.textContent = text;
  };
  const ways = "You can upload a recording, or type.";
  const look = async () => {
    if (!window.isSecureContext) {
      say(
        `Browsers give the microphone to https and to this machine only, and this page came by http. ${ways} ` +
          "Whoever runs it can put it behind https, or open an ssh tunnel: ssh -L 7860:localhost:7860 HOST."
      );
      return;
    }
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
      say(`This browser gives pages no microphone. ${ways}`);
      return;
    }
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    if (!devices.some((device) => device.kind === "audioinput")) {
      say(`No microphone was found. Plug one in and reload the page. ${ways}`);
      return;
    }
    const state = await navigator.permissions.query({ name: "microphone" }).catch(() => null);
    const show = () =>
      say(
        state && state.state === "denied"
          ? `The microphone is refused to this page. Allow it in the browser's address bar and reload. ${ways}`
          : ""
      );
    show();
    if (state) state.onchange = show;
  };
  const wait = setInterval(() => {
    if (document.getElementById("s2i-microphone")) {
      clearInterval(wait);
      look();
    }
  }, 200);
})();
