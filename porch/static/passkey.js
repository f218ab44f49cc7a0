"use strict";
// Passkeys: asks the box, has the browser make or show one, and goes where the box says.
const raw = (told) => Uint8Array.from(atob(told.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
const url64 = (made) => btoa(String.fromCharCode(...new Uint8Array(made))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

async function post(path, told) {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(told) });
  const said = await answer.json();
  if (answer.ok) { return said; }
  throw new Error(document.documentElement.lang.startsWith("zh") ? said.title_zh : said.title);
}

function plain(made) {
  const found = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (made.response[name]) { found[name] = url64(made.response[name]); }
  }
  return { id: made.id, rawId: url64(made.rawId), type: made.type, response: found, clientExtensionResults: {} };
}

async function make(told) {
  const user = { ...told.user, id: raw(told.user.id) };
  const excludeCredentials = told.excludeCredentials.map((each) => ({ ...each, id: raw(each.id) }));
  return navigator.credentials.create({ publicKey: { ...told, user, excludeCredentials, challenge: raw(told.challenge) } });
}

async function show(told) {
  return navigator.credentials.get({ publicKey: { ...told, allowCredentials: [], challenge: raw(told.challenge) } });
}

// The box's question is asked before the tap: Safari shows a passkey only straight after one.
const ASKED_ANEW = 240000;

document.querySelectorAll("[data-passkey]").forEach((button) => {
  const place = button.closest("[data-passkeys]");
  const failed = place.querySelector("[role=alert]");
  const path = button.dataset.passkey;
  let asked = null;
  const ask = async () => {
    asked = null;
    asked = await post(`${path}/begin`, {});
    // By another name or a bare address of the same pages, the browser would refuse.
    place.hidden = (asked.rpId ?? asked.rp.id) !== location.hostname;
    return asked;
  };
  const ready = () => ask().catch(() => {});
  if (!window.PublicKeyCredential) { return; }
  place.hidden = false;
  ready();
  setInterval(ready, ASKED_ANEW);
  button.addEventListener("click", async () => {
    failed.hidden = true;
    button.disabled = true;
    try {
      const told = asked ?? await ask();
      const made = told.user ? await make(told) : await show(told);
      const { to } = await post(path, { credential: plain(made), back: button.dataset.back || "/" });
      location.assign(to);
      return;
    } catch (error) {
      // The browser's own errors are in its own words, and mostly say that nobody answered.
      const browsers = error instanceof DOMException;
      failed.textContent = error.name === "InvalidStateError" ? failed.dataset.held : browsers ? failed.dataset.none : error.message;
      failed.hidden = false;
    }
    button.disabled = false;
    ready();  // an answer counts once
  });
});
