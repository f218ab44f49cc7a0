"use strict";
// The live check: frames of the phone's own camera go to the box a few at a time, and
// the box says what to do next. No frame stays on the phone.
const GAP = 150;
const AT_ONCE = 3;
const WIDE = 640;
const at = (id) => document.getElementById(id);
const words = at("words").dataset;
const key = (told) => told.split("_").map((each, number) => (number ? each[0].toUpperCase() + each.slice(1) : each)).join("");
const word = (kind, told) => words[key(`${kind}_${told}`)] ?? told;
const declined = new Set();
let stream = null;
let asked = null;
let running = 0;
let sound = null;

function say(text, how = "") {
  if (at("say").textContent !== text) { at("say").textContent = text; }
  at("say").className = `say ${how}`;
}

// What he did is heard and felt, also with shut eyes.
function chime() {
  navigator.vibrate?.(150);
  if (!sound) { return; }
  const tone = sound.createOscillator();
  tone.connect(sound.destination);
  tone.start();
  tone.stop(sound.currentTime + 0.15);
}

function stop() {
  running += 1;
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  at("stage").hidden = true;
}

function end(why) {
  stop();
  at("why").textContent = why;
  at("why").hidden = !why;
  at("begin").hidden = false;
  at("begin").textContent = words.again;
  (why ? at("why") : at("begin")).focus();
}

async function told(answer) {
  const said = await answer.json();
  if (answer.ok) { return said; }
  if (answer.status === 409) { declined.clear(); }
  throw new Error((words.language === "zh-CN" ? said.title_zh : said.title) ?? words.lost);
}

async function frame(video, canvas) {
  const share = Math.min(1, WIDE / video.videoWidth);
  canvas.width = Math.round(video.videoWidth * share);
  canvas.height = Math.round(video.videoHeight * share);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.95); });
}

async function scan() {
  stop();
  if (!sound && globalThis.AudioContext) { sound = new AudioContext(); }
  const mine = running;
  at("why").hidden = true;
  at("begin").hidden = true;
  at("intro").hidden = true;
  at("cannot").hidden = true;
  at("bar").value = 0;
  asked = null;
  say(words.opening);
  at("stage").hidden = false;
  const video = at("video");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } } });
  } catch { end(words.noCamera); at("stills").open = true; return; }
  video.srcObject = stream;
  await video.play();
  const canvas = document.createElement("canvas");
  try {
    const begun = await told(await fetch("/tenant/scan", { method: "POST", body: new URLSearchParams([...declined].map((kind) => ["declined", kind])) }));
    const since = performance.now();
    at("bar").max = begun.of;
    say(words.look);
    while (mine === running) {
      const body = new FormData();
      body.append("nonce", begun.nonce);
      for (let count = 0; count < AT_ONCE; count += 1) {
        await new Promise((resolve) => { setTimeout(resolve, GAP); });
        const taken = (performance.now() - since) / 1000;
        body.append("frame", await frame(video, canvas), "frame.jpg");
        body.append("at", taken.toFixed(3));
      }
      if (mine !== running) { return; }
      const said = await told(await fetch("/tenant/scan/frames", { method: "POST", body }));
      if (mine !== running) { return; }
      if (show(said)) { return; }
    }
  } catch (error) { if (mine === running) { end(error instanceof TypeError ? words.lost : error.message); } }
}

function show(said) {
  if (said.step > at("bar").value) { chime(); }
  at("bar").value = said.step;
  asked = said.challenge;
  at("cannot").hidden = !asked;
  if (said.state === "passed") { say(words.passed, "good"); stop(); location.assign("/tenant"); return true; }
  if (said.state === "refused") { end(word("flaw", said.flaw)); return true; }
  if (said.advice) { say(word("advice", said.advice), "wait"); } else { say(asked ? word("move", asked) : words.look); }
  return false;
}

if (navigator.mediaDevices?.getUserMedia) {
  at("camera").hidden = false;
  at("stills").open = false;
  at("begin").addEventListener("click", scan);
  at("cannot").addEventListener("click", () => { declined.add(word("kind", asked)); scan(); });
  addEventListener("pagehide", stop);
}
