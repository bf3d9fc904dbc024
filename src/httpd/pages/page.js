// Keeps an open page as things are, and copies texts. Without it the page says the same.
"use strict";

const AGAIN_MILLISECONDS = 15000;

const freshness = document.getElementById("freshness");
const say = (text) => { if (freshness.textContent !== text) freshness.textContent = text; };
const clock = () => new Date().toLocaleTimeString();

// Who reads the end of a log goes on reading it there.
const isAtEnd = (log) => "tail" in log.dataset && log.scrollTop + log.clientHeight > log.scrollHeight - 8;
const goToEnd = (log) => { log.scrollTop = log.scrollHeight; };
document.querySelectorAll("[data-tail]").forEach(goToEnd);

// How an element is found again that was drawn anew.
const like = (one) => one.id ? `#${CSS.escape(one.id)}` : `[href="${CSS.escape(one.getAttribute("href") ?? "")}"]`;

// Parts that have changed come as HTML that the service has made and escaped.
function show(parts) {
  for (const [id, html] of Object.entries(parts)) {
    const part = document.getElementById(id);
    if (!part) continue;
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    if (fresh.innerHTML === part.innerHTML) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const open = new Set([...part.querySelectorAll("details[open]")].map((one) => one.id));
    const atEnd = isAtEnd(part);
    part.replaceChildren(fresh.content);
    unveil(part);
    if (atEnd) goToEnd(part);
    for (const one of part.querySelectorAll("details[id]")) one.open = open.has(one.id);
    if (focused) part.querySelector(like(focused))?.focus({ preventScroll: true });
  }
  count();
}

let events = null;
let again = null;

function follow() {
  clearTimeout(again);
  events = new EventSource(document.body.dataset.events);
  events.onmessage = (message) => {
    const news = JSON.parse(message.data);
    if (news.edition !== document.documentElement.dataset.edition) return location.reload();
    show(news.parts);
    say("This page is kept up to date.");
  };
  events.onerror = () => {
    const closed = events.readyState === EventSource.CLOSED;
    say(`${closed ? "Nothing new is told" : "The connection is lost"}; this is how things were at ${clock()}.`);
    if (closed) again = setTimeout(follow, AGAIN_MILLISECONDS);
  };
}

function leave() {
  clearTimeout(again);
  events?.close();
  events = null;
}

// A page that nobody sees asks for nothing: a browser has few connections for each server.
function attend() {
  if (document.hidden) leave();
  else if (!events) follow();
}

if (document.body.dataset.events) {
  document.addEventListener("visibilitychange", attend);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", attend);
  attend();
}

const span = (seconds) => seconds < 60 ? `${seconds} s`
  : seconds < 3600 ? `${Math.floor(seconds / 60)} min`
  : seconds < 172800 ? `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`
  : `${Math.floor(seconds / 86400)} days`;

// Times to come, and times past: how long it is until then, or since.
function count() {
  for (const time of document.querySelectorAll("time[data-until]")) {
    const seconds = Math.round(Number(time.dataset.until) - Date.now() / 1000);
    const text = seconds < 1 ? "now" : seconds < 60 ? `in ${seconds} s` : `in ${Math.round(seconds / 60)} min`;
    if (time.textContent !== text) time.textContent = text;
  }
  for (const time of document.querySelectorAll("time[data-since]")) {
    const text = `${span(Math.max(0, Math.round(Date.now() / 1000 - Number(time.dataset.since))))} ago`;
    if (time.textContent !== text) time.textContent = text;
  }
}
count();
setInterval(count, 1000);

// Buttons that copy the text of what they are for.
async function copied(source) {
  if (navigator.clipboard) {
    try { await navigator.clipboard.writeText(source.textContent); return true; } catch { /* as below */ }
  }
  // Only secure contexts have a clipboard: over plain HTTP the old way goes on working.
  const selection = getSelection();
  selection.selectAllChildren(source);
  const done = document.execCommand("copy");
  if (done) selection.removeAllRanges();
  return done;
}

function unveil(place) {
  for (const button of place.querySelectorAll("button[data-copies]")) button.hidden = false;
}
unveil(document);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copies]");
  if (!button) return;
  const done = await copied(document.getElementById(button.dataset.copies));
  button.textContent = done ? "Copied" : "Selected";
  say(done ? "Copied." : "Selected: copy it with the keyboard.");
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});
