"use strict";
// A tenant's key on his phone: an Ed25519 key that never leaves it, a token that the box
// signed for it, passes and taps that it signs itself, all without a network.
const SERVICE = "8f3b0001-6b1e-4b6e-9a3e-6c6f64676531";
const ANSWERS_WITHIN = 10000;
const part = (number) => SERVICE.replace("0001", `000${number}`);
const at = (id) => document.getElementById(id);
const words = at("words").dataset;
const text = new TextEncoder();
const hex = (raw) => [...new Uint8Array(raw)].map((each) => each.toString(16).padStart(2, "0")).join("");
const unhex = (told) => Uint8Array.from(told.match(/../g) ?? [], (each) => parseInt(each, 16));
const url64 = (raw) => btoa(String.fromCharCode(...new Uint8Array(raw))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function fail(why) { at("failed").textContent = why; at("failed").hidden = !why; }

function store(mode, act) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("lodge", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const asked = act(opening.result.transaction("kept", mode).objectStore("kept"));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    };
  });
}
const kept = () => store("readonly", (shelf) => shelf.get("key"));

async function bind() {
  fail("");
  let pair;
  try {
    pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign"]);
  } catch { fail(words.old); return; }
  const holder = hex(await crypto.subtle.exportKey("raw", pair.publicKey));
  let answer;
  try {
    answer = await fetch("/tenant/phone", { method: "POST", body: new URLSearchParams({ holder }) });
  } catch { fail(words.offline); return; }
  if (!answer.ok) { fail(words.nothing); return; }
  const told = await answer.json();
  await store("readwrite", (shelf) => shelf.put({ mine: pair.privateKey, ...told }, "key"));
  await show();
}

async function signed(key, parts) {
  const joined = [];
  parts.forEach((each, number) => { if (number) joined.push(0); joined.push(...each); });
  return crypto.subtle.sign({ name: "Ed25519" }, key.mine, Uint8Array.from(joined));
}

async function pass(key, door) {
  const token = unhex(key.token);
  const nonce = crypto.getRandomValues(new Uint8Array(16));
  const when = new Date().toISOString().replace("Z", "+00:00").replace(/\.(\d{3})\+/, ".$1000+");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", token));
  const signature = await signed(key, [text.encode("lodge pass 1"), text.encode(door), text.encode(when), nonce, digest]);
  return `LODGE1:${url64(token)}~${when}~${hex(nonce)}~${url64(signature)}`;
}

let ticking;
async function draw() {
  const told = await pass(await kept(), at("door").value);
  at("pass").dataset.text = told;
  const code = qrcode(0, "L");
  code.addData(told);
  code.make();
  at("qr").src = code.createDataURL(4, 16);
  at("pass").hidden = false;
}

async function tap() {
  fail("");
  at("opened").hidden = true;
  const device = await navigator.bluetooth.requestDevice({ filters: [{ services: [SERVICE] }] });
  try {
    const told = await Promise.race([answered(device, await kept()), silence()]);
    if (told.opened) { at("opened").hidden = false; } else { fail(`${words.shut} ${reason(told.why)}`); }
  } finally { device.gatt.disconnect(); }
}

async function answered(device, key) {
  const service = await (await device.gatt.connect()).getPrimaryService(SERVICE);
  const [challenge, answer, result] = await Promise.all([2, 3, 4].map((number) => service.getCharacteristic(part(number))));
  const said = new Promise((resolve) => result.addEventListener("characteristicvaluechanged", (event) => resolve(JSON.parse(new TextDecoder().decode(event.target.value)))));
  await result.startNotifications();
  const asked = new Uint8Array((await challenge.readValue()).buffer);
  const token = unhex(key.token);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", token));
  const signature = await signed(key, [text.encode("lodge challenge 1"), asked.slice(16), asked.slice(0, 16), digest]);
  const whole = new Uint8Array([...asked.slice(0, 16), ...new Uint8Array(signature), ...token]);
  const room = 180;
  const count = Math.ceil(whole.length / room);
  for (let number = 0; number < count; number += 1) {
    const head = (number === count - 1 ? 0x80 : 0) | (number % 0x80);
    await answer.writeValueWithResponse(new Uint8Array([head, ...whole.slice(number * room, (number + 1) * room)]));
  }
  return said;
}

const silence = () => new Promise((_, reject) => { setTimeout(reject, ANSWERS_WITHIN, new Error("silent")); });
const reason = (why) => words[`refused${why.split("_").map((each) => each[0].toUpperCase() + each.slice(1)).join("")}`] ?? why;

async function show() {
  const key = await kept();
  at("without").hidden = Boolean(key);
  at("with").hidden = !key;
  if (!key) { return; }
  at("door").replaceChildren(...key.doors.map((door) => new Option(door.name, door.id)));
  at("until").textContent = `${words.until} ${new Date(key.end).toLocaleString()}`;
  at("tap").hidden = !navigator.bluetooth;
}

["bind", "again"].forEach((button) => at(button).addEventListener("click", bind));
at("show").addEventListener("click", () => { clearInterval(ticking); ticking = setInterval(draw, 10000); draw(); });
at("door").addEventListener("change", () => { if (!at("pass").hidden) { draw(); } });
// The browser's own words are for developers: whoever closed the list knows that he did.
at("tap").addEventListener("click", () => tap().catch((error) => fail(error.name === "NotFoundError" ? "" : words.far)));
if ("serviceWorker" in navigator) { navigator.serviceWorker.register("/phone-worker.js", { scope: "/phone" }); }
show();
