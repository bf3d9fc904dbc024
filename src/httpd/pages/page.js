// Keeps an open page as things are, and copies texts. Without it the page says the same.
"use strict";

const AGAIN_MILLISECONDS = 15000;

const freshness = document.getElementById("freshness");
const say = (text) => { if (freshness.textContent !== text) freshness.textContent = text; };
const clock = () => new Date().toLocaleTimeString();

// Parts that have changed come as HTML that the service has made and escaped.
function show(parts) {
  for (const [id, html] of Object.entries(parts)) {
    const part = document.getElementById(id);
    if (!part) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const open = new Set([...part.querySelectorAll("details[open]")].map((one) => one.id));
    part.innerHTML = html;
    for (const one of part.querySelectorAll("details[id]")) one.open = open.has(one.id);
    if (focused && focused.id) document.getElementById(focused.id)?.focus({ preventScroll: true });
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
    say(`The connection is lost; this is how things were at ${clock()}.`);
    if (events.readyState === EventSource.CLOSED) again = setTimeout(follow, AGAIN_MILLISECONDS);
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

// Times to come: how long it is until then.
function count() {
  for (const time of document.querySelectorAll("time[data-until]")) {
    const seconds = Math.round(Number(time.dataset.until) - Date.now() / 1000);
    const text = seconds < 1 ? "now" : seconds < 60 ? `in ${seconds} s` : `in ${Math.round(seconds / 60)} min`;
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

for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copied(document.getElementById(button.dataset.copies));
    button.textContent = done ? "Copied" : "Selected";
    say(done ? "Copied." : "Selected: copy it with the keyboard.");
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
