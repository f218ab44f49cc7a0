// What a page needs beyond forms: one send a tap, the tenant's link, the live board.
"use strict";
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  form.classList.add("sending");
  form.querySelectorAll("[data-wait]").forEach((button) => { button.textContent = button.dataset.wait; });
});
addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; form.classList.remove("sending"); });
});
const token = document.querySelector("input[data-fragment]");
if (token) {
  // Kept in this tab, for whoever chooses his language or mistypes the code.
  token.value = location.hash.slice(1) || token.value || sessionStorage.getItem("link") || "";
  sessionStorage.setItem("link", token.value);
  // Who asks once more, because the answer was lost, is the same page to the box.
  const phone = document.querySelector("input[name=phone]");
  phone.value = sessionStorage.getItem("phone") || phone.value;
  sessionStorage.setItem("phone", phone.value);
  history.replaceState(null, "", location.pathname);
  if (token.value) { document.querySelector("[data-no-fragment]").remove(); }
} else { ["link", "phone"].forEach((each) => sessionStorage.removeItem(each)); }
document.querySelectorAll("[data-copy]").forEach((button) => {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
  });
});
document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => print()));
const live = document.querySelector("[data-events]");
if (live) {
  const source = new EventSource(live.dataset.events);
  const say = (on) => { live.classList.toggle("on", on); live.textContent = on ? live.dataset.on : live.dataset.off; };
  source.addEventListener("open", () => { say(true); htmx.trigger(document.body, "occupancy"); });
  source.addEventListener("occupancy", () => htmx.trigger(document.body, "occupancy"));
  source.addEventListener("error", () => say(false));
}
