"use strict";
// Keeps the page of a phone's key, which says nothing of anybody, for when there is no
// network.
const KEPT = "lodge-phone-1";
const FILES = ["/phone", "/static/lodge.css", "/static/lodge.js", "/static/lodge.svg", "/static/phone.js", "/static/vendor/htmx-2.0.11.min.js", "/static/vendor/qrcode-generator-2.0.4.js"];
self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.method !== "GET" || !FILES.includes(path)) { return; }
  event.respondWith(fetch(event.request).then((fresh) => {
    if (fresh.ok) { const copy = fresh.clone(); caches.open(KEPT).then((cache) => cache.put(path, copy)); }
    return fresh;
  }).catch(() => caches.match(path)));
});
